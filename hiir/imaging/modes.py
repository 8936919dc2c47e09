"""The supported pixel modes, and their conversion to gray or RGB, in one explicit table."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from hiir.imaging.errors import UnsupportedPixelMode
from hiir.imaging.formats import ImageFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the samples of a file are processed, and written back."""

    channels: int
    """1 for gray, 3 for RGB."""
    has_alpha: bool = False
    expanded: bool = False
    """Whether the result has more bits than the file, because a palette is expanded."""
    is_cmyk: bool = False
    """Whether the stored samples are inks, which a color profile converts to RGB."""

    @property
    def mode(self) -> str:
        """Pillow's name of the layout, before inks are converted to colors."""
        color = "CMYK" if self.is_cmyk else {1: "L", 3: "RGB"}[self.channels]
        return color + "A" * self.has_alpha


# Pillow's mode of the file -> ours. Other modes are rejected: LAB and YCbCr are internal
# conversions rather than file modes in use; I and F have no known range.
_LAYOUTS: Mapping[str, Layout] = {
    "1": Layout(channels=1, expanded=True),
    "CMYK": Layout(channels=3, is_cmyk=True),
    "L": Layout(channels=1),
    "LA": Layout(channels=1, has_alpha=True),
    "P": Layout(channels=3, expanded=True),
    "PA": Layout(channels=3, has_alpha=True, expanded=True),
    "RGB": Layout(channels=3),
    "RGBA": Layout(channels=3, has_alpha=True),
    "RGBX": Layout(channels=3),
}
# Bits per sample beyond 8.
_DEEP_FORMATS: Mapping[ImageFormat, tuple[int, ...]] = {
    ImageFormat.AVIF: (10, 12),
    ImageFormat.PNG: (16,),
    ImageFormat.TIFF: (16,),
}
# Pillow's names of 16-bit gray include the byte order.
_DEEP_LAYOUTS: Mapping[str, Layout] = {
    **{mode: _LAYOUTS[mode] for mode in ("CMYK", "L", "LA", "RGB", "RGBA", "RGBX")},
    **dict.fromkeys(("I;16", "I;16B", "I;16L"), _LAYOUTS["L"]),
}


def check_mode(mode: str, *, bit_depth: int, image_format: ImageFormat) -> None:
    """Check that the table has the mode.

    Raises:
        UnsupportedPixelMode: if it does not.
    """
    if bit_depth > 8 and bit_depth not in _DEEP_FORMATS.get(image_format, ()):
        raise UnsupportedPixelMode(
            f"The image has {bit_depth} bits per sample. Up to 8 are supported, 16 in PNG and "
            "TIFF, and 10 and 12 in AVIF; they are not reduced silently.",
            limit="8, 16",
            actual=bit_depth,
        )
    table = _DEEP_LAYOUTS if bit_depth > 8 else _LAYOUTS
    if mode not in table:
        known = ", ".join(sorted(table))
        raise UnsupportedPixelMode(
            f"Pixel mode {mode} is not supported; convert the image to RGB or gray first.",
            limit=known,
            actual=mode,
        )


def read_layout(image: Image.Image, *, mode: str, bit_depth: int) -> Layout:
    """Return the layout of a loaded image, whose file has this mode and depth."""
    if bit_depth > 8:
        found = _DEEP_LAYOUTS[mode]
        transparent = "transparency" in image.info
    else:
        found = _LAYOUTS["L"] if _has_gray_palette(image) else _LAYOUTS[image.mode]
        transparent = image.has_transparency_data
    return Layout(
        channels=found.channels,
        has_alpha=found.has_alpha or transparent,
        expanded=found.expanded or image.mode == "P",
        is_cmyk=found.is_cmyk,
    )


def scale_transparent_level(image: Image.Image, bit_depth: int) -> None:
    """Scale a gray PNG's transparent level to 8 bits; Pillow scales only the samples."""
    level = image.info.get("transparency")
    if image.mode == "L" and isinstance(level, int):
        largest = 2**bit_depth - 1
        image.info["transparency"] = (level & largest) * 255 // largest


def _has_gray_palette(image: Image.Image) -> bool:
    """Return whether an indexed photo is black and white, so that a color model cannot tint it.

    An image with a profile is not treated as gray: its profile is for colors, and must stay valid.
    """
    if image.mode != "P" or image.info.get("icc_profile"):
        return False
    colors = np.reshape(image.getpalette("RGB") or [], (-1, 3))
    return bool((colors == colors[:, :1]).all())
