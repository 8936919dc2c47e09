"""Which pixel modes are restored, and how each becomes RGB: one explicit table."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from hiir.imaging.errors import UnsupportedPixelMode
from hiir.imaging.pixels import Uint8Pixels

# Pillow mode -> the mode it is worked on and written back in. Each conversion is exact: a palette
# is looked up, a bilevel image becomes gray. What is not here is refused: CMYK and LAB need a
# colour-managed conversion, I and F have more than 8 bits.
_WORKING_MODES = {
    "1": "L",
    "L": "L",
    "LA": "LA",
    "P": "RGB",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBA": "RGBA",
    "RGBX": "RGB",
}
# Where a gray, colour or palette image names a transparent colour (PNG's tRNS chunk).
_WITH_ALPHA = {"L": "LA", "LA": "LA", "RGB": "RGBA", "RGBA": "RGBA"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planes:
    """An image's samples, colour apart from alpha."""

    pixels: Uint8Pixels
    """`(H, W, 3)` RGB; a gray image has three equal channels."""
    alpha: Uint8Pixels | None
    """`(H, W)`, 255 is opaque; None for an image without alpha."""
    gray: bool


def check_mode(mode: str) -> None:
    """Raise `UnsupportedPixelMode` unless the table has `mode`."""
    if mode not in _WORKING_MODES:
        known = ", ".join(sorted(_WORKING_MODES))
        raise UnsupportedPixelMode(
            f"Pixel mode {mode} is not supported; convert the image to 8-bit RGB or gray first.",
            limit=known,
            actual=mode,
        )


def split_planes(image: Image.Image, *, bit_depth: int = 8) -> Planes:
    """Convert a loaded image by the table; `bit_depth` is that of the file it came from.

    Raises `UnsupportedPixelMode` for a mode that is not in the table.
    """
    check_mode(image.mode)
    _scale_transparent_level(image, bit_depth)
    working = "L" if _has_gray_palette(image) else _WORKING_MODES[image.mode]
    if image.has_transparency_data:
        working = _WITH_ALPHA[working]
    samples = np.asarray(image if image.mode == working else image.convert(working))
    match working:
        case "L":
            return Planes(pixels=_replicate(samples), alpha=None, gray=True)
        case "LA":
            return Planes(
                pixels=_replicate(samples[..., 0]), alpha=samples[..., 1].copy(), gray=True
            )
        case "RGBA":
            return Planes(pixels=samples[..., :3].copy(), alpha=samples[..., 3].copy(), gray=False)
        case _:
            return Planes(pixels=samples, alpha=None, gray=False)


def join_planes(planes: Planes) -> Image.Image:
    """Make the image to be written: L, LA, RGB or RGBA.

    Gray is the rounded mean of the three channels, since a colour model keeps them close but not
    equal. An alpha plane of another size, as after super-resolution, is resized bicubically.
    """
    colour = Image.fromarray(_mean(planes.pixels) if planes.gray else planes.pixels)
    if planes.alpha is None:
        return colour
    alpha = Image.fromarray(planes.alpha)
    if alpha.size != colour.size:
        alpha = alpha.resize(colour.size, Image.Resampling.BICUBIC)
    colour.putalpha(alpha)
    return colour


def _scale_transparent_level(image: Image.Image, bit_depth: int) -> None:
    """Bring a gray PNG's transparent level to 8 bits: Pillow scales the samples, but not it."""
    level = image.info.get("transparency")
    if image.mode == "L" and isinstance(level, int):
        white = 2**bit_depth - 1
        image.info["transparency"] = (level & white) * 255 // white


def _has_gray_palette(image: Image.Image) -> bool:
    """Tell an indexed black-and-white photo, so that a colour model cannot tint it.

    Not where a profile comes with it: that is one for colours, and has to stay true.
    """
    if image.mode != "P" or image.info.get("icc_profile"):
        return False
    colours = np.reshape(image.getpalette("RGB") or [], (-1, 3))
    return bool((colours == colours[:, :1]).all())


def _replicate(gray: Uint8Pixels) -> Uint8Pixels:
    return np.repeat(gray[..., np.newaxis], 3, axis=2)


def _mean(pixels: Uint8Pixels) -> Uint8Pixels:
    # In integers: three equal channels give exactly their value, and no float64 copy is made.
    mean: Uint8Pixels = ((pixels.sum(axis=2, dtype=np.uint16) + 1) // 3).astype(np.uint8)
    return mean
