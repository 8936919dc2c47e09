"""The convolution at the end of a stage.

Provenance: Hi-IR, section 4 (scaling up: a bottleneck instead of the heavy 3x3 converges when the
model is large) and Tables 4 and 18 (conv1, linear, conv3).
"""

from enum import StrEnum

from torch import Tensor, nn

from hiir.layers.convolution import convolution3

__all__ = ["StageConvolution", "StageConvolutionKind"]

_SLOPE = 0.2


class StageConvolutionKind(StrEnum):
    """The three variants of the paper."""

    CONV1 = "conv1"
    LINEAR = "linear"
    CONV3 = "conv3"


class StageConvolution(nn.Module):
    """``conv1`` 3x3, ``linear`` 1x1, or ``conv3``: 3x3 C -> C/4, 1x1, 3x3 C/4 -> C."""

    def __init__(self, *, channels: int, kind: StageConvolutionKind) -> None:
        super().__init__()
        match kind:
            case StageConvolutionKind.CONV1:
                self.body: nn.Module = convolution3(channels, channels)
            case StageConvolutionKind.LINEAR:
                self.body = nn.Conv2d(channels, channels, 1)
            case StageConvolutionKind.CONV3:
                squeezed = channels // 4
                self.body = nn.Sequential(
                    convolution3(channels, squeezed),
                    nn.LeakyReLU(_SLOPE),
                    nn.Conv2d(squeezed, squeezed, 1),
                    nn.LeakyReLU(_SLOPE),
                    convolution3(squeezed, channels),
                )

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, H, W, C)`` to ``(B, H, W, C)``."""
        plane: Tensor = self.body(tokens.permute(0, 3, 1, 2))
        return plane.permute(0, 2, 3, 1)
