"""Whether an exported graph computes what the torch module computes."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import nn

from hiir.export.onnx import INPUT, OUTPUT
from hiir.imaging import ModelContract

__all__ = ["MAX_RELATIVE_ERROR", "ParityError", "check_parity", "relative_error"]

MAX_RELATIVE_ERROR = 1e-5


class ParityError(RuntimeError):
    """Graph and module differ by more than rounding."""


@torch.inference_mode()
def relative_error(
    model: nn.Module, contract: ModelContract, path: Path, *, batch: int = 1
) -> float:
    """Largest difference of the outputs on a seeded random tile, over the largest output."""
    shape = (batch, contract.input_channels, contract.tile, contract.tile)
    tile = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    expected = model(tile).numpy()
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    (actual,) = session.run([OUTPUT], {INPUT: tile.numpy()})
    if actual.shape != expected.shape or not np.isfinite(actual).all():
        raise ParityError(f"{path}: output {actual.shape}, not finite or not {expected.shape}")
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def check_parity(model: nn.Module, contract: ModelContract, path: Path) -> float:
    """Return the relative error; raises `ParityError` above ``MAX_RELATIVE_ERROR``."""
    error = relative_error(model, contract, path)
    if error > MAX_RELATIVE_ERROR:
        raise ParityError(
            f"{path}: relative error {error:.2e} to torch, at most {MAX_RELATIVE_ERROR:.0e} allowed"
        )
    return error
