"""Small models with a contract, which give back what they are sent: at once, or after a while.

One enlarges by repeating, one gives the mean of two views: what comes back tells who did it.
"""

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from hiir.imaging import ModelContract

TILE, OVERLAP = 64, 16
SLOW_ROUNDS = 150_000
"""Rounds of a loop for one tile: a fraction of a second on any machine."""


def contract(name: str, **changes: Any) -> ModelContract:
    """Of an identity, unless `changes` say otherwise."""
    values: dict[str, Any] = {
        "name": name,
        "task": name,
        "version": "1",
        "architecture": "identity",
        "scale": 1,
        "input_channels": 3,
        "output_channels": 3,
        "tile": TILE,
        "overlap": OVERLAP,
        "size_multiple": 8,
        "sha256": "0123456789abcdef" * 4,
        "provenance": {"data": "none"},
        "quality": {},
    }
    return ModelContract(**{**values, **changes})


def add_identity(root: Path, name: str, *, slow: bool = False, **changes: Any) -> ModelContract:
    """Give back what is sent."""
    made = contract(name, **changes)
    graph = _slow_identity(made.tile) if slow else _graph(made, ("Identity", ["input"], {}))
    return _add(root, made, graph, max_batch_size=1 if slow else 8)


def add_enlarging(root: Path, name: str, *, scale: int) -> ModelContract:
    """Repeat every pixel."""
    made = contract(name, scale=scale)
    sizes = helper.make_tensor("sizes", TensorProto.FLOAT, [4], [1, 1, scale, scale])
    repeat = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
    nearest = ("Resize", ["input", "", "sizes"], {**repeat, "nearest_mode": "floor"})
    return _add(root, made, _graph(made, nearest, constants=[sizes]))


def add_mean_of_views(root: Path, name: str) -> ModelContract:
    """Add half of the left view to half of the right one: a 1 x 1 convolution."""
    made = contract(name, input_channels=6)
    halves = [0.5 * (view % 3 == colour) for colour in range(3) for view in range(6)]
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [3, 6, 1, 1], halves)
    mean = ("Conv", ["input", "weights"], {})
    return _add(root, made, _graph(made, mean, constants=[weights]))


def add_blurring(root: Path, name: str, *, side: int = 17) -> ModelContract:
    """Give the mean of a square around each pixel; beyond the tile is black."""
    made = contract(name)
    mean = helper.make_tensor(
        "mean", TensorProto.FLOAT, [3, 1, side, side], [1 / side**2] * (3 * side**2)
    )
    settings = {"group": 3, "pads": [side // 2] * 4}
    return _add(root, made, _graph(made, ("Conv", ["input", "mean"], settings), constants=[mean]))


def add_not_a_number(root: Path, name: str) -> ModelContract:
    """Divide nothing by nothing, wherever the input is black."""
    made = contract(name)
    return _add(root, made, _graph(made, ("Div", ["input", "input"], {})))


def add_greedy(root: Path, name: str) -> ModelContract:
    """Ask for terabytes before giving back what is sent."""
    made = contract(name)
    graph = helper.make_graph(
        [
            # From the input's values, so that nothing is asked for when the model is loaded.
            helper.make_node("ReduceMin", ["input"], ["least"], keepdims=0),
            helper.make_node("Cast", ["least"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Add", ["whole", "many"], ["larger"]),
            helper.make_node("Expand", ["one", "larger"], ["ones"]),
            helper.make_node("ReduceMean", ["ones"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["input", "mean"], ["output"]),
        ],
        name,
        [_image("input", made.tile)],
        [_image("output", made.tile)],
        [
            helper.make_tensor("many", TensorProto.INT64, [4], [1000, 3000, 640, 640]),
            helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]),
        ],
    )
    return _add(root, made, graph)


def _add(
    root: Path, contract: ModelContract, graph: onnx.GraphProto, *, max_batch_size: int = 8
) -> ModelContract:
    """Write `<name>/config.pbtxt` and `<name>/1/model.onnx`."""
    version = root / contract.name / "1"
    version.mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, version / "model.onnx")
    text = config(contract, max_batch_size=max_batch_size)
    (root / contract.name / "config.pbtxt").write_text(text)
    return contract


def config(contract: ModelContract, *, max_batch_size: int = 8) -> str:
    side, scaled = contract.tile, contract.tile * contract.scale
    inputs, outputs = contract.input_channels, contract.output_channels
    parameters = "".join(
        f'parameters {{ key: "{key}" value: {{ string_value: {_quoted(value)} }} }}\n'
        for key, value in contract.to_parameters().items()
    )
    return f"""
name: "{contract.name}"
backend: "openvino"
default_model_filename: "model.onnx"
max_batch_size: {max_batch_size}
input [{{ name: "input" data_type: TYPE_FP32 dims: [{inputs}, {side}, {side}] }}]
output [{{ name: "output" data_type: TYPE_FP32 dims: [{outputs}, {scaled}, {scaled}] }}]
dynamic_batching {{ max_queue_delay_microseconds: 2000 }}
instance_group [{{ kind: KIND_CPU count: 1 }}]
{parameters}"""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _image(name: str, side: int, channels: int = 3) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, side, side])


def _graph(
    contract: ModelContract,
    node: tuple[str, list[str], dict[str, Any]],
    *,
    constants: list[onnx.TensorProto] | None = None,
) -> onnx.GraphProto:
    operator, inputs, attributes = node
    return helper.make_graph(
        [helper.make_node(operator, inputs, ["output"], **attributes)],
        contract.architecture,
        [_image("input", contract.tile, contract.input_channels)],
        [_image("output", contract.tile * contract.scale, contract.output_channels)],
        constants or [],
    )


def _slow_identity(tile: int) -> onnx.GraphProto:
    """Count, one node at a time, then add nothing of it to the input."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["sum", "one"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, []),
        ],
    )
    nodes = [
        # The input has a part in it, so that nothing can be computed when the model is loaded.
        helper.make_node("ReduceMax", ["input"], ["brightest"], keepdims=0),
        helper.make_node("Mul", ["brightest", "zero"], ["start"]),
        helper.make_node("Loop", ["rounds", "", "start"], ["total"], body=body),
        helper.make_node("Mul", ["total", "zero"], ["nothing"]),
        helper.make_node("Add", ["input", "nothing"], ["output"]),
    ]
    return helper.make_graph(
        nodes,
        "slow-identity",
        [_image("input", tile)],
        [_image("output", tile)],
        [
            helper.make_tensor("rounds", TensorProto.INT64, [], [SLOW_ROUNDS]),
            helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
            helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
        ],
    )
