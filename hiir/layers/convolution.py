"""The 3x3 convolution of every layer and model."""

from torch import nn

__all__ = ["convolution3"]


def convolution3(in_channels: int, out_channels: int, *, groups: int = 1) -> nn.Conv2d:
    """Build a 3x3 convolution over planes ``(B, C, H, W)`` that repeats the border.

    The paper does not say how its convolutions pad. Zeros reveal the border to the network:
    a trained one then shifted saturated colors in the corners of flat pictures by up to 23 grey
    levels. A repeated border is as fast, and a flat picture stays flat in every convolution.
    """
    return nn.Conv2d(
        in_channels, out_channels, 3, padding=1, padding_mode="replicate", groups=groups
    )
