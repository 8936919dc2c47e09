"""Export to ONNX: dynamic batch, fixed or dynamic size, float32 or half precision.

It uses torch's TorchScript-based exporter: its results equal those of the newer exporter to the
last digits, it takes a sixth of the time, and needs no additional package.
"""

from pathlib import Path

import onnx
import torch
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel
from torch import nn

from hiir.export.graph_form import ExportFormat, Precision, Samples, example_input
from hiir.export.tracing import quiet_tracing
from hiir.imaging import ModelContract

__all__ = ["INPUT", "OPSET", "OUTPUT", "export_onnx", "read_fingerprint"]

# The first with LayerNormalization, and read by TensorRT 8.6 and later.
OPSET = 17
INPUT, OUTPUT = "input", "output"
_FINGERPRINT = "hiir.fingerprint"
_SPATIAL = {Samples.FLOAT32: (2, 3), Samples.UINT8: (1, 2)}


def export_onnx(
    model: nn.Module,
    contract: ModelContract,
    path: Path,
    *,
    form: ExportFormat | None = None,
    fingerprint: str = "",
) -> None:
    """Write the graph ``(batch, C, tile, tile) -> (batch, C', tile * scale, tile * scale)``.

    Args:
        model: fused model in evaluation mode.
        contract: contract, for channels and tile.
        path: path of the ONNX file, replaced atomically; its folder is created.
        form: precision, sample type and size; by default float32 at the tile's size.
        fingerprint: fingerprint of the sources, stored in the file.
    """
    form = form or ExportFormat()
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp")
    names = {0: "batch"}
    if form.dynamic_size:
        names |= dict(zip(_SPATIAL[form.samples], ("height", "width"), strict=True))
    with quiet_tracing():
        torch.onnx.export(
            form.wrap(model).eval(),
            (example_input(contract, form, batch=2),),
            scratch,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: names, OUTPUT: {axis: f"{n}_out" for axis, n in names.items()}},
        )
    graph = onnx.load(scratch)
    if form.precision is Precision.FP16:
        graph = _halve(graph, form.samples)
    for tensor in graph.graph.output:
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    graph.metadata_props.add(key=_FINGERPRINT, value=fingerprint)
    onnx.checker.check_model(graph)
    onnx.save(graph, scratch)
    scratch.replace(path)


def _halve(graph: onnx.ModelProto, samples: Samples) -> onnx.ModelProto:
    """Convert to half precision inside and keep the interface; 8-bit values are scaled in float32.

    The network is traced in float32: few CPUs support half precision, and slowly.
    """
    # Everything but the model itself, which `ExportFormat.wrap` put into a module of that name.
    around = [
        node.name
        for node in graph.graph.node
        if samples is Samples.UINT8
        and node.name.startswith("/")
        and not node.name.startswith("/model/")
    ]
    half = OnnxModel(convert_float_to_float16(graph, keep_io_types=True, node_block_list=around))
    half.topological_sort()
    halved: onnx.ModelProto = half.model
    return halved


def read_fingerprint(path: Path) -> str | None:
    """Read the fingerprint from a file of ``export_onnx``; None if there is no such file."""
    if not path.is_file():
        return None
    properties = onnx.load(path).metadata_props
    return next((item.value for item in properties if item.key == _FINGERPRINT), None)
