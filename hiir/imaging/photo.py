"""A decoded photo: upright gray or RGB with separate straight alpha, in bands of rows.

The converted samples are never in memory as a whole.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from PIL import Image

from hiir.imaging.alpha import BLEED_MARGIN, bleed, flatten
from hiir.imaging.color import SrgbConversion, TransferConversion
from hiir.imaging.limits import ImageHeader
from hiir.imaging.metadata import ImageMetadata
from hiir.imaging.modes import Layout
from hiir.imaging.notes import Note
from hiir.imaging.orientation import Box, Orientation
from hiir.imaging.pixel_file import PixelFile
from hiir.imaging.pixels import PixelRows, Pixels

BAND_PIXELS = 1_000_000
"""Approximate number of pixels in a band; processing takes about ten bytes for each."""

ReadBox: TypeAlias = Callable[[Box], Pixels]
"""Function that returns part of the stored image as `(h, w, n)` samples, with alpha as the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoInfo:
    """The properties of a decoded photo without its pixels."""

    header: ImageHeader
    shape: tuple[int, int, int]
    """`(H, W, C)` of the upright pixels; C is 1 for gray and 3 for RGB."""
    has_alpha: bool
    metadata: ImageMetadata
    notes: tuple[Note, ...] = ()

    @property
    def gray(self) -> bool:
        """Whether the pixels have one channel."""
        return self.shape[2] == 1

    @property
    def bit_depth(self) -> int:
        """8 or 16: the type of the samples, uint8 or uint16; 10 and 12 bits are processed as 16."""
        return 16 if self.header.bit_depth > 8 else 8

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Type of the samples."""
        return np.dtype(np.uint16) if self.bit_depth == 16 else np.dtype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedImage:
    """An upright image with the properties that are needed to write it in its original form."""

    info: PhotoInfo
    pixels: PixelRows
    """`(H, W, C)` uint8 or uint16; C is 1 for gray, 3 for RGB."""
    alpha: PixelRows | None
    """`(H, W)`, where the largest level is opaque; None if the image has no alpha."""

    def close(self) -> None:
        """Close the files that may hold the pixels."""
        for plane in (self.pixels, self.alpha):
            if isinstance(plane, PixelFile):
                plane.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoBand:
    """Some rows of a photo."""

    top: int
    color: Pixels
    """`(n, W, C)`."""
    alpha: Pixels | None
    """`(n, W)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """An opened photo, and the conversion of its stored samples."""

    info: PhotoInfo
    read: ReadBox
    stored: tuple[int, int]
    """Width and height of the stored image."""
    layout: Layout
    orientation: Orientation
    conversion: SrgbConversion | TransferConversion | None
    background: tuple[int, ...] | None
    """C levels of 8 bits to composite the photo over; None if it is opaque or stays transparent."""

    def bands(self) -> Iterator[PhotoBand]:
        """Yield all rows from top to bottom."""
        height, width, _ = self.info.shape
        step = max(BAND_PIXELS // width, 1)
        for top in range(0, height, step):
            yield self._band(top, min(top + step, height))

    def _band(self, top: int, bottom: int) -> PhotoBand:
        if not self.layout.has_alpha:
            return PhotoBand(top=top, color=self._convert(self._rows(top, bottom)), alpha=None)
        # The surroundings of a band influence the colors of its hidden pixels. They are aligned to
        # one grid, so that the borders of bands are not visible.
        low = max(top // BLEED_MARGIN - 1, 0) * BLEED_MARGIN
        high = min((bottom // BLEED_MARGIN + 2) * BLEED_MARGIN, self.info.shape[0])
        samples = self._rows(low, high)
        inside = slice(top - low, bottom - low)
        color, alpha = self._convert(samples[..., :-1]), samples[..., -1]
        if self.background is None:
            return PhotoBand(top=top, color=bleed(color, alpha)[inside], alpha=alpha[inside])
        flat = flatten(color[inside], alpha[inside], self.background)
        return PhotoBand(top=top, color=flat, alpha=None)

    def _rows(self, top: int, bottom: int) -> Pixels:
        width, height = self.stored
        box = self.orientation.stored_box(top, bottom, width=width, height=height)
        return self.orientation.turn(self.read(box))

    def _convert(self, color: Pixels) -> Pixels:
        return color if self.conversion is None else self.conversion(color)


def boxes_of_array(samples: Pixels) -> ReadBox:
    """Return a reader of `(H, W, n)` samples in memory."""
    return lambda box: samples[box.top : box.bottom, box.left : box.right]


def boxes_of_pillow(image: Image.Image, layout: Layout) -> ReadBox:
    """Return a reader of a loaded image that converts each part to the layout."""

    def read(box: Box) -> Pixels:
        part = image.crop((box.left, box.top, box.right, box.bottom))
        if part.mode != layout.mode:
            part = part.convert(layout.mode)
        return np.asarray(part).reshape(part.height, part.width, -1)

    return read
