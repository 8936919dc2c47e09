"""A model as TorchScript: for C++ programs and for servers that run torch itself."""

from pathlib import Path

import torch
from torch import nn

from hiir.export.graph_form import ExportFormat, example_input
from hiir.export.tracing import quiet_tracing
from hiir.imaging import ModelContract

__all__ = ["export_torchscript"]


def export_torchscript(model: nn.Module, contract: ModelContract, path: Path) -> None:
    """Write the frozen trace of one tile size and any batch, float32 in and out.

    Args:
        model: in evaluation mode, fused.
        contract: gives channels and tile.
        path: of the file, replaced as a whole; its folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp")
    with quiet_tracing(), torch.no_grad():
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            model, (example_input(contract, ExportFormat(), batch=2),), check_trace=False
        )
        torch.jit.save(torch.jit.freeze(traced), scratch)
    scratch.replace(path)
