"""Changes of resolution between the levels of the U-shape, on NHWC tokens.

Provenance: Hi-IR's U-shape follows Restormer (pixel-unshuffle down, pixel-shuffle up), with 1x1
convolutions without bias.
"""

from torch import Tensor, nn

__all__ = ["Downsample", "Upsample", "pixel_shuffle", "pixel_unshuffle"]


def pixel_unshuffle(tokens: Tensor, factor: int) -> Tensor:
    """Space to depth: ``(B, H, W, C)`` to ``(B, H / factor, W / factor, factor**2 * C)``."""
    b, h, w, c = tokens.shape
    cells = tokens.reshape(b, h // factor, factor, w // factor, factor, c)
    return cells.permute(0, 1, 3, 2, 4, 5).reshape(b, h // factor, w // factor, factor**2 * c)


def pixel_shuffle(tokens: Tensor, factor: int) -> Tensor:
    """Depth to space: the inverse of :func:`pixel_unshuffle`."""
    b, h, w, c = tokens.shape
    depth = c // factor**2
    cells = tokens.reshape(b, h, w, factor, factor, depth)
    return cells.permute(0, 1, 3, 2, 4, 5).reshape(b, h * factor, w * factor, depth)


class Downsample(nn.Module):
    """Half the resolution, twice the channels: pixel-unshuffle, then ``1x1 4C -> 2C``."""

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        self.mix = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, H, W, C)`` to ``(B, H/2, W/2, 2C)``."""
        mixed: Tensor = self.mix(pixel_unshuffle(tokens, 2))
        return mixed


class Upsample(nn.Module):
    """Twice the resolution, half the channels: ``1x1 C -> 2C``, then pixel-shuffle."""

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        self.mix = nn.Linear(channels, 2 * channels, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, H, W, C)`` to ``(B, 2H, 2W, C/2)``."""
        return pixel_shuffle(self.mix(tokens), 2)
