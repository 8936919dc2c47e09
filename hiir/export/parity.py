"""Whether an exported graph computes what the torch module computes."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import nn

from hiir.errors import HiirError
from hiir.export.graph_form import GraphForm, Precision, Samples, example_input
from hiir.export.onnx import INPUT, OUTPUT
from hiir.export.tracing import quiet_tracing
from hiir.imaging import ModelContract

__all__ = [
    "MAX_RELATIVE_ERROR",
    "MIN_HALF_PSNR",
    "ParityError",
    "check_parity",
    "check_torchscript",
    "relative_error",
]

MAX_RELATIVE_ERROR = 1e-5
MIN_HALF_PSNR = 50.0
# Two roundings of nearly equal values may fall on both sides of a half.
_MAX_ROUNDED_SHARE = 1e-3

_Values = NDArray[Any]


class ParityError(HiirError):
    """Graph and module differ by more than rounding."""


def relative_error(
    model: nn.Module, contract: ModelContract, path: Path, *, batch: int = 1
) -> float:
    """Largest difference of the outputs on a seeded random tile, over the largest output."""
    expected, actual = _both(model, contract, path, GraphForm(), batch=batch)
    return _relative(expected, actual)


def check_parity(
    model: nn.Module,
    contract: ModelContract,
    path: Path,
    *,
    form: GraphForm | None = None,
    batch: int = 1,
) -> float:
    """Run an ONNX graph and the float32 module on seeded random tiles, and compare.

    Returns:
        The relative error of a float32 graph, or the PSNR in dB of one in half precision, with the
        largest output as its peak.

    Raises:
        ParityError: above ``MAX_RELATIVE_ERROR`` or below ``MIN_HALF_PSNR``, for 8-bit values that
            differ by more than a rounding, and for output of another shape or not finite.
    """
    form = form or GraphForm()
    expected, actual = _both(model, contract, path, form, batch=batch)
    if form.precision is Precision.FP16:
        psnr = _psnr(expected.astype(np.float64), actual.astype(np.float64))
        if psnr < MIN_HALF_PSNR:
            raise ParityError(
                f"{path}: {psnr:.1f} dB to torch in float32, at least {MIN_HALF_PSNR:g} are asked"
            )
        return psnr
    if form.samples is Samples.UINT8:
        steps = np.abs(expected.astype(np.int16) - actual.astype(np.int16))
        if steps.max() > 1 or (steps > 0).mean() > _MAX_ROUNDED_SHARE:
            raise ParityError(
                f"{path}: 8-bit values differ by up to {steps.max()}, {(steps > 0).mean():.2%} of "
                "them; rounding alone may differ"
            )
        return float((steps > 0).mean())
    return _checked(expected, actual, path)


@torch.inference_mode()
def check_torchscript(model: nn.Module, contract: ModelContract, path: Path) -> float:
    """Run a TorchScript file as :func:`check_parity` runs a graph."""
    tiles = example_input(contract, GraphForm(), batch=1)
    with quiet_tracing():
        loaded = torch.jit.load(path)  # type: ignore[no-untyped-call]
    return _checked(model(tiles).numpy(), loaded(tiles).numpy(), path)


@torch.inference_mode()
def _both(
    model: nn.Module, contract: ModelContract, path: Path, form: GraphForm, *, batch: int
) -> tuple[_Values, _Values]:
    """What the module and the graph give, of one shape and finite; raises `ParityError`."""
    tiles = example_input(contract, form, batch=batch)
    expected = GraphForm(samples=form.samples).wrap(model)(tiles).numpy()
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
