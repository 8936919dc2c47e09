"""A contact sheet of the degradations, each at three strengths."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from hiir.degradations.recipe import Recipe
from hiir.imaging import FloatPixels, Uint8Pixels, from_unit

__all__ = ["SHEET", "contact_sheet"]

_GAP, _TITLE = 8, 18

_STRENGTHS: Mapping[str, list[list[dict[str, Any]]]] = {
    "noise": [[{"kind": "noise", "sigma": s}] for s in (15, 25, 50)],
    "camera": [[{"kind": "camera", "shot": s}] for s in (0.001, 0.004, 0.012)],
    "phone": [[{"kind": "camera", "sensor": "phone", "shot": s}] for s in (0.001, 0.005, 0.02)],
    "correlated": [[{"kind": "correlated-noise", "sigma": s}] for s in (10, 20, 35)],
    "film grain": [[{"kind": "film-grain", "sigma": s}] for s in (8, 15, 25)],
    "poisson": [[{"kind": "poisson", "strength": s}] for s in (0.5, 1, 2)],
    "jpeg": [[{"kind": "jpeg", "quality": q}] for q in (40, 20, 10)],
    "jpeg twice": [
        [{"kind": "jpeg", "quality": q}, {"kind": "jpeg", "quality": q + 20}] for q in (40, 20, 10)
    ],
    "jpeg, reduced": [
        [{"kind": "resized", "factor": 2, "steps": [{"kind": "jpeg", "quality": q}]}]
        for q in (40, 20, 10)
    ],
    "blur": [[{"kind": "blur", "sigma": s}] for s in ([0.3, 1], [1, 2], [2, 4])],
    "bicubic": [[{"kind": "downscale", "factor": f}] for f in (2, 3, 4)],
    "motion": [[{"kind": "motion", "length": n}] for n in (8, 20, 45)],
    "lights": [[{"kind": "motion", "length": n, "highlights": 8}] for n in (8, 20, 45)],
    "moving object": [[{"kind": "moving-object", "length": n}] for n in (8, 20, 45)],
    "defocus": [[{"kind": "defocus", "radius": r}] for r in (3, 6, 12)],
    "dual pixel": [[{"kind": "defocus", "radius": r, "dual_pixel": True}] for r in (3, 6, 12)],
    "demosaicked": [[{"kind": "bayer", "patterns": [p]}] for p in ("rggb", "grbg", "bggr")],
    "fog": [[{"kind": "fog", "density": d}] for d in (0.5, 1, 2)],
    "rain": [
        [{"kind": "rain", "amount": a, "length": n, "fog": f}]
        for a, n, f in ((0.3, 20, 0.3), (0.6, 35, 0.8), (1.0, 60, 1.5))
    ],
    "snow": [
        [{"kind": "snow", "amount": a, "size": s}] for a, s in ((0.3, 10), (0.6, 16), (1.0, 26))
    ],
    "heavy rain": [
        [{"kind": "heavy-rain", "amount": a, "density": d, "night_share": 0}]
        for a, d in ((0.4, 0.5), (0.7, 1.2), (1.0, 2.5))
    ],
    "snowfall": [
        [{"kind": "snowfall", "amount": a, "size": [1.2, s]}]
        for a, s in ((0.3, 10), (0.6, 16), (1.0, 24))
    ],
    "window drops": [
        [{"kind": "window-drops", "density": d, "radius": r, "defocus": f}]
        for d, r, f in ((6, [3, 6], 1), (6, [3, 10], 4), (1, [8, 24], 3))
    ],
    "raindrops": [
        [{"kind": "raindrops", "amount": a, "size": s}]
        for a, s in ((0.05, 40), (0.15, 60), (0.3, 90))
    ],
}
SHEET: Mapping[str, tuple[Recipe, ...]] = MappingProxyType(
    {
        name: tuple(Recipe.model_validate(steps) for steps in strengths)
        for name, strengths in _STRENGTHS.items()
    }
)


def contact_sheet(photo: FloatPixels, *, seed: int, only: tuple[str, ...] = ()) -> Image.Image:
    """Draw one row per degradation: the photo, then three strengths; two views side by side.

    Args:
        photo: ``(H, W, 3)`` float32 [0, 1].
        seed: seed of the random generator.
        only: names of the rows to draw; all rows by default.

    Raises:
        KeyError: if a row does not exist.
    """
    rows = {name: SHEET[name] for name in only or SHEET}
    height, width, _ = photo.shape
    cell = (height + _TITLE + _GAP, width + _GAP)
    sheet = Image.new("RGB", (4 * cell[1] + _GAP, len(rows) * cell[0] + _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for row, (name, recipes) in enumerate(rows.items()):
        pictures = [photo, *(r.degrade(photo, seed=seed, index=row) for r in recipes)]
        for column, picture in enumerate(pictures):
            left, top = _GAP + column * cell[1], _GAP + row * cell[0]
            pen.text((left, top), name if column else "photo", fill="black")
            shown = Image.fromarray(_fit(picture, height, width))
            sheet.paste(shown, (left, top + _TITLE))
    return sheet


def _fit(picture: FloatPixels, height: int, width: int) -> Uint8Pixels:
    pixels = from_unit(picture, np.uint8)
    if pixels.shape[2] == 6:
        # The left half of the left view beside the right half of the right one would hide the
        # shift: each view is shown whole, at half its width.
        half = width // 2
        views = [_resized(pixels[..., i : i + 3], height, half) for i in (0, 3)]
        return np.concatenate([*views, np.zeros((height, width - 2 * half, 3), np.uint8)], axis=1)
    return _resized(pixels, height, width)


def _resized(pixels: Uint8Pixels, height: int, width: int) -> Uint8Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST))
