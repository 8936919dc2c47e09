"""Small models with a contract, which give back what they are sent: at once, or after a while."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from hiir.imaging import ModelContract

TILE, OVERLAP = 64, 16
SLOW_ROUNDS = 150_000
"""Rounds of a loop for one tile: a fraction of a second on any machine."""


def contract(name: str, *, tile: int = TILE, overlap: int = OVERLAP) -> ModelContract:
    return ModelContract(
        name=name,
        task=name,
        version="1",
        architecture="identity",
        scale=1,
        input_channels=3,
        output_channels=3,
        tile=tile,
        overlap=overlap,
        size_multiple=8,
        sha256="0123456789abcdef" * 4,
        provenance={"data": "none"},
        quality={},
    )


def add_identity(
    root: Path, name: str, *, slow: bool = False, tile: int = TILE, overlap: int = OVERLAP
) -> ModelContract:
    """Write `<name>/config.pbtxt` and `<name>/1/model.onnx`."""
    version = root / name / "1"
    version.mkdir(parents=True)
    graph = _slow_identity(tile) if slow else _identity(tile)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, version / "model.onnx")
    made = contract(name, tile=tile, overlap=overlap)
    (root / name / "config.pbtxt").write_text(config(made, max_batch_size=1 if slow else 8))
    return made


def config(contract: ModelContract, *, max_batch_size: int = 8) -> str:
    side = contract.tile
    parameters = "".join(
        f'parameters {{ key: "{key}" value: {{ string_value: {_quoted(value)} }} }}\n'
        for key, value in {**contract.to_parameters(), "intra_op_thread_count": "1"}.items()
    )
    return f"""
name: "{contract.name}"
backend: "onnxruntime"
max_batch_size: {max_batch_size}
input [{{ name: "input" data_type: TYPE_FP32 dims: [3, {side}, {side}] }}]
output [{{ name: "output" data_type: TYPE_FP32 dims: [3, {side}, {side}] }}]
dynamic_batching {{ max_queue_delay_microseconds: 2000 }}
instance_group [{{ kind: KIND_CPU count: 1 }}]
{parameters}"""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _image(name: str, tile: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3, tile, tile])


def _identity(tile: int) -> onnx.GraphProto:
    node = helper.make_node("Identity", ["input"], ["output"])
    return helper.make_graph([node], "identity", [_image("input", tile)], [_image("output", tile)])


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
