"""The 3x3 convolution of every layer and model."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["convolution3"]


def convolution3(in_channels: int, out_channels: int, *, groups: int = 1) -> nn.Conv2d:
    """Build a 3x3 convolution over planes ``(B, C, H, W)`` with replicate padding.

    The paper does not specify the padding of its convolutions. Zero padding reveals the border to
    the network: a trained one then shifted saturated colors in the corners of flat pictures by up
    to 23 grey levels. Replicate padding is as fast, and a flat picture stays flat in every
    convolution.
    """
    return _BorderConvolution(
        in_channels, out_channels, 3, padding=1, padding_mode="replicate", groups=groups
    )


class _BorderConvolution(nn.Conv2d):
    """Pads by concatenation where torch compiles it, with the same result.

    The compiler expects another memory layout of the gradient of replicate padding than its kernel
    returns, and a GPU accumulates that gradient atomically; the gradient of a concatenation is
    fused.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002 - torch's name
        if not torch.compiler.is_dynamo_compiling():
            repeated: Tensor = super()._conv_forward(input, weight, bias)
            return repeated
        rows = torch.cat((input[:, :, :1], input, input[:, :, -1:]), dim=2)
        padded = torch.cat((rows[..., :1], rows, rows[..., -1:]), dim=3)
        planes: Tensor = functional.conv2d(padded, weight, bias, groups=self.groups)
        return planes
