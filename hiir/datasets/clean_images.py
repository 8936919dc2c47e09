"""Random clean images of one size: crops of photos, or synthetic pictures."""

import numpy as np

from hiir.datasets.packed_images import PackedImages
from hiir.datasets.photo_files import ColorMode, to_gray, to_luma
from hiir.datasets.synthetic_images import draw_picture
from hiir.imaging import Uint8Pixels

__all__ = ["CleanImages"]


class CleanImages:
    """Random crops of photos, flipped and rotated, and a share of synthetic pictures."""

    def __init__(
        self,
        pool: PackedImages,
        *,
        color: ColorMode,
        synthetic_share: float = 0.0,
        texture_share: float = 0.0,
    ) -> None:
        """Create the source.

        Args:
            pool: photos whose sides are at least as long as the crops.
            color: color mode that pictures are converted to.
            synthetic_share: share of pictures that are synthetic, 0 to 1.
            texture_share: share of crops for which the more textured of two candidates is used, 0
                to 1.
        """
        self.pool = pool
        self.color = color
        self._synthetic_share = synthetic_share
        self._texture_share = texture_share

    def draw(self, random: np.random.Generator, side: int) -> Uint8Pixels:
        """Draw a picture ``(side, side, C)`` uint8."""
        # A share of 0 draws no random number: such runs keep the patches that they always had.
        drawn = self._synthetic_share > 0 and random.random() < self._synthetic_share
        picture = draw_picture(random, side) if drawn else self._crop(random, side)
        match self.color:
            case ColorMode.RGB:
                return picture
            case ColorMode.GRAY:
                return to_gray(picture)
            case ColorMode.LUMA:
                return to_luma(picture)

    def _crop(self, random: np.random.Generator, side: int) -> Uint8Pixels:
        crop = self._place(random, side)
        if self._texture_share > 0 and random.random() < self._texture_share:
            other = self._place(random, side)
            crop = max(crop, other, key=_texture)
        # As one element of 3 bytes a pixel is copied three times as fast as sample by sample.
        pixels = np.ascontiguousarray(crop).view(np.dtype("V3"))[..., 0]
        pixels = np.rot90(pixels, int(random.integers(4)))
        pixels = np.ascontiguousarray(pixels[:, ::-1] if random.integers(2) else pixels)
        return pixels[..., None].view(np.uint8)

    def _place(self, random: np.random.Generator, side: int) -> Uint8Pixels:
        image = self.pool[int(random.integers(len(self.pool)))]
        top = int(random.integers(image.shape[0] - side + 1))
        left = int(random.integers(image.shape[1] - side + 1))
        return image[top : top + side, left : left + side]


def _texture(picture: Uint8Pixels) -> float:
    """Mean absolute difference of adjacent pixels in the green channel."""
    green = picture[..., 1].astype(np.int16)
    return float(np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean())
