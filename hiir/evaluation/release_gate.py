"""Checks that a model leaves clean photos, drawings, flat colors and the mean color unchanged."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch

import numpy as np

from hiir.datasets.photo_files import ColorMode, to_gray
from hiir.evaluation.drawings import DRAWINGS, FLAT_COLORS, FLAT_GRAYS, draw_flat_color
from hiir.evaluation.metrics import MAX_PSNR, psnr
from hiir.evaluation.protocols import protocol_for
from hiir.evaluation.restorer import Restorer
from hiir.evaluation.tiling_artifacts import MAX_SEAM
from hiir.imaging import FloatPixels, ModelContract, Uint8Pixels, to_unit

__all__ = ["GATE", "Bound", "ColorShift", "drawing_figures", "gate_failures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The bounds of some figures in a contract's `quality`."""

    figures: str
    """Pattern of their names, as in `fnmatch`."""
    minimum: float = -np.inf
    maximum: float = np.inf
    unit: str


GATE = (
    Bound(figures="*-clean-psnr", minimum=45, unit="dB"),
    Bound(figures="*-clean-worst-psnr", minimum=36, unit="dB"),
    Bound(figures="*-clean-color-shift", maximum=0.5, unit="levels"),
    Bound(figures="drawn-*-psnr", minimum=35, unit="dB"),
    Bound(figures="flat-shift", maximum=1, unit="levels"),
    Bound(figures="tiles-*-seam", maximum=MAX_SEAM, unit="levels"),
)
"""Levels are 8-bit levels."""


def gate_failures(quality: Mapping[str, float]) -> list[str]:
    """List the figures outside their bounds, each with the bound and the actual value."""
    failures = []
    for name, value in sorted(quality.items()):
        for bound in GATE:
            if not fnmatch(name, bound.figures) or bound.minimum <= value <= bound.maximum:
                continue
            least = value < bound.minimum
            limit = f"at least {bound.minimum:g}" if least else f"at most {bound.maximum:g}"
            failures.append(f"{name} is {value:g} {bound.unit}, must be {limit}")
    return failures


class ColorShift:
    """Wraps a restorer and records the largest change of an image's mean color."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self.largest = 0.0
        """Over all channels and images so far, in levels of 8 bits."""

    def restore(self, image: FloatPixels) -> Uint8Pixels | FloatPixels:
        """Restore ``(H, W, C)`` float32 [0, 1]."""
        restored = self._restorer.restore(image)
        levels = restored.mean(axis=(0, 1), dtype=np.float64)
        if restored.dtype != np.uint8:
            levels *= 255
        shift = np.abs(levels - 255 * image.mean(axis=(0, 1), dtype=np.float64)).max()
        self.largest = max(self.largest, float(shift))
        return restored


def drawing_figures(restorer: Restorer, contract: ModelContract) -> dict[str, float]:
    """Measure how much a model changes drawings and flat colors.

    ``drawn-KIND-psnr`` is in dB, if the result has the size of the input. ``flat-shift`` is the
    largest difference of any pixel of a flat color, in 8-bit levels.
    """
    gray = protocol_for(contract).color is not ColorMode.RGB
    views = contract.image_channels // contract.output_channels

    def restore(picture: Uint8Pixels) -> Uint8Pixels:
        restored = restorer.restore(np.tile(to_unit(picture), (1, 1, views)))
        levels = restored if restored.dtype == np.uint8 else np.float32(255) * restored
        return np.rint(levels).clip(0, 255).astype(np.uint8)

    figures: dict[str, float] = {}
    if contract.scale == 1:
        for name, draw in DRAWINGS.items():
            picture = to_gray(draw()) if gray else draw()
            figures[f"drawn-{name}-psnr"] = round(min(psnr(picture, restore(picture)), MAX_PSNR), 2)
    shifts = []
    for color in FLAT_GRAYS if gray else FLAT_GRAYS + FLAT_COLORS:
        plane = draw_flat_color(color)
        plane = plane[..., :1] if gray else plane
        restored = restore(plane).astype(int)
        shifts.append(int(np.abs(restored - plane[0, 0].astype(int)).max()))
    return figures | {"flat-shift": float(max(shifts))}
