"""A released model as an ONNX graph of one tile size and any batch.

The TorchScript-based exporter of torch is used: its graph equals the newer exporter's to the last
digits, it takes a sixth of the time, and needs no further package.
"""

import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from hiir.imaging import ModelContract

__all__ = ["INPUT", "OPSET", "OUTPUT", "export_onnx", "read_fingerprint"]

OPSET = 17
INPUT, OUTPUT = "input", "output"
_FINGERPRINT = "hiir.fingerprint"


def export_onnx(
    model: nn.Module, contract: ModelContract, path: Path, *, fingerprint: str = ""
) -> None:
    """Write the graph ``(batch, C, tile, tile) -> (batch, C', tile * scale, tile * scale)``.

    Args:
        model: in evaluation mode, position biases frozen.
        contract: gives channels and tile.
        path: of the ONNX file, replaced as a whole; its folder is made.
        fingerprint: kept in the file, to tell later what it was made from.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp")
    example = torch.rand(2, contract.input_channels, contract.tile, contract.tile)
    with warnings.catch_warnings():
        # On tracing: sizes are constants of the graph, as meant. On the exporter: see above.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model,
            (example,),
            scratch,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
        )
    graph = onnx.load(scratch)
    graph.metadata_props.add(key=_FINGERPRINT, value=fingerprint)
    onnx.checker.check_model(graph)
    onnx.save(graph, scratch)
    scratch.replace(path)


def read_fingerprint(path: Path) -> str | None:
    """What ``export_onnx`` was given for this file; None if there is no such file."""
    if not path.is_file():
        return None
    properties = onnx.load(path).metadata_props
    return next((item.value for item in properties if item.key == _FINGERPRINT), None)
