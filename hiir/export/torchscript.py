"""Export to TorchScript, for C++ programs and servers that run torch."""

from pathlib import Path

import torch
from torch import nn

from hiir.export.graph_form import ExportFormat, example_input
from hiir.export.tracing import quiet_tracing
from hiir.imaging import ModelContract

__all__ = ["export_torchscript"]


def export_torchscript(model: nn.Module, contract: ModelContract, path: Path) -> None:
    """Write a frozen trace for one tile size and any batch, with float32 input and output.

    Args:
        model: fused model in evaluation mode.
        contract: contract, for channels and tile.
        path: path of the file, replaced atomically; its folder is created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp")
    with quiet_tracing(), torch.no_grad():
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            model, (example_input(contract, ExportFormat(), batch=2),), check_trace=False
        )
        torch.jit.save(torch.jit.freeze(traced), scratch)
    scratch.replace(path)
