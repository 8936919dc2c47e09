"""Verification that an exported graph computes what the torch module computes.

ONNX Runtime's CPU provider computes graphs in half precision in float32: it verifies the graph and
the rounding of the weights. The rounding of intermediate values on a GPU is simulated
(`hiir.export.half_precision`).
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import nn

from hiir.errors import HiirError
from hiir.export.graph_form import ExportFormat, Precision, Samples, example_input
from hiir.export.half_precision import run_in_half
from hiir.export.onnx import INPUT, OUTPUT
from hiir.export.tracing import quiet_tracing
from hiir.imaging import ModelContract

__all__ = [
    "MAX_HALF_VALUE",
    "MAX_RELATIVE_ERROR",
    "MIN_HALF_PSNR",
    "ParityError",
    "check_half",
    "check_parity",
    "check_torchscript",
    "noise_and_patches",
]

MAX_RELATIVE_ERROR = 1e-5
MIN_HALF_PSNR = 50.0
"""Minimum PSNR in dB, with the largest output as the peak."""
MAX_HALF_VALUE = 3e4
"""Maximum magnitude inside a model that runs in half precision: float16 ends at 65,504, and photos
may have larger values than the tiles of the check.
"""
# Two roundings of nearly equal values may fall on both sides of a half.
_MAX_ROUNDED_SHARE = 1e-3

_Values = NDArray[Any]


class ParityError(HiirError):
    """A graph and its module differ by more than rounding."""


def check_parity(
    model: nn.Module,
    contract: ModelContract,
    path: Path,
    *,
    form: ExportFormat | None = None,
    batch: int = 1,
) -> float:
    """Run an ONNX graph and the float32 module on seeded random tiles, and compare.

    Returns:
        For a float32 graph the relative error; for half precision the PSNR in dB with the largest
        output as the peak: the lower one of the graph and of `check_half`.

    Raises:
        ParityError: if the error exceeds ``MAX_RELATIVE_ERROR`` or the PSNR is below
            ``MIN_HALF_PSNR``, if 8-bit values differ by more than rounding, if the output has
            another shape or is not finite, or as raised by `check_half`.
    """
    form = form or ExportFormat()
    expected, actual = _both(model, contract, path, form, batch=batch)
    if form.precision is Precision.FP16:
        psnr = _psnr(expected.astype(np.float64), actual.astype(np.float64))
        if psnr < MIN_HALF_PSNR:
            raise ParityError(
                f"{path}: {psnr:.1f} dB to torch in float32, at least {MIN_HALF_PSNR:g} are asked"
            )
        return min(psnr, check_half(model, contract))
    if form.samples is Samples.UINT8:
        steps = np.abs(expected.astype(np.int16) - actual.astype(np.int16))
        if steps.max() > 1 or (steps > 0).mean() > _MAX_ROUNDED_SHARE:
            raise ParityError(
                f"{path}: 8-bit values differ by up to {steps.max()}, {(steps > 0).mean():.2%} of "
                "them; rounding alone may differ"
            )
        return float((steps > 0).mean())
    return _checked(expected, actual, path)


def check_half(model: nn.Module, contract: ModelContract) -> float:
    """Run a module in simulated half precision, and compare it with float32.

    Args:
        model: float32 module in evaluation mode.
        contract: contract, for name, channels and tile.

    Returns:
        PSNR in dB with the largest output as its peak.

    Raises:
        ParityError: if the PSNR is below ``MIN_HALF_PSNR``, or any intermediate value exceeds
            ``MAX_HALF_VALUE``; the message names the layer.
    """
    tiles = noise_and_patches(contract)
    half = run_in_half(model, tiles)
    if not half.peak.value <= MAX_HALF_VALUE:
        raise ParityError(
            f"{contract.name}: values reach {half.peak}, at most {MAX_HALF_VALUE:g} are allowed in "
            "half precision"
        )
    with torch.inference_mode():
        expected = model(tiles).numpy()
    psnr = _psnr(expected.astype(np.float64), half.output.numpy().astype(np.float64))
    if psnr < MIN_HALF_PSNR:
        raise ParityError(
            f"{contract.name}: {psnr:.1f} dB between half precision and float32 in torch, at least "
            f"{MIN_HALF_PSNR:g} are asked"
        )
    return psnr


def noise_and_patches(contract: ModelContract) -> torch.Tensor:
    """`(2, C, tile, tile)` float32 [0, 1]: noise, and saturated squares with hard edges."""
    noise = example_input(contract, ExportFormat(), batch=1)
    squares = example_input(contract, ExportFormat(), batch=1, seed=1)[..., ::16, ::16].round()
    side = contract.tile
    patches = squares.repeat_interleave(16, dim=-2).repeat_interleave(16, dim=-1)
    return torch.cat([noise, patches[..., :side, :side]])


@torch.inference_mode()
def check_torchscript(model: nn.Module, contract: ModelContract, path: Path) -> float:
    """Verify a TorchScript file as :func:`check_parity` verifies a graph."""
    tiles = example_input(contract, ExportFormat(), batch=1)
    with quiet_tracing():
        loaded = torch.jit.load(path)  # type: ignore[no-untyped-call]
    return _checked(model(tiles).numpy(), loaded(tiles).numpy(), path)


@torch.inference_mode()
def _both(
    model: nn.Module, contract: ModelContract, path: Path, form: ExportFormat, *, batch: int
) -> tuple[_Values, _Values]:
    """Return the outputs of module and graph, of one shape and finite; raises `ParityError`."""
    tiles = example_input(contract, form, batch=batch)
    expected = ExportFormat(samples=form.samples).wrap(model)(tiles).numpy()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (actual,) = session.run([OUTPUT], {INPUT: tiles.numpy()})
    if actual.shape != expected.shape or not np.isfinite(actual).all():
        raise ParityError(f"{path}: output {actual.shape}, not finite or not {expected.shape}")
    return expected, actual


def _checked(expected: _Values, actual: _Values, path: Path) -> float:
    error = _relative(expected, actual)
    if not error <= MAX_RELATIVE_ERROR:
        raise ParityError(
            f"{path}: relative error {error:.2e} to torch, at most {MAX_RELATIVE_ERROR:.0e} allowed"
        )
    return error


def _relative(expected: _Values, actual: _Values) -> float:
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def _psnr(expected: _Values, actual: _Values) -> float:
    error = float(np.sqrt(np.mean((expected - actual) ** 2)))
    return math.inf if error == 0 else 20 * math.log10(float(np.abs(expected).max()) / error)
