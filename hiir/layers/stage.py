"""A stage: a sequence of layers, then the stage convolution and a residual.

Provenance: Hi-IR, sections 3.4 and 4 and Figures 3 and 8.
"""

from torch import Tensor, nn

from hiir.layers.hierarchical import build_layer
from hiir.layers.layer_config import LayerConfig
from hiir.layers.stage_convolution import StageConvolution, StageConvolutionKind

__all__ = ["Stage"]


class Stage(nn.Module):
    """``depth`` layers, the stage convolution, a stage residual, on ``(B, H, W, C)``."""

    def __init__(
        self, config: LayerConfig, *, depth: int, convolution: StageConvolutionKind
    ) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(*(build_layer(config, index=i) for i in range(depth)))
        self.convolution = StageConvolution(channels=config.channels, kind=convolution)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, H, W, C)`` to ``(B, H, W, C)``, H and W multiples of the layers' size."""
        closed: Tensor = tokens + self.convolution(self.layers(tokens))
        return closed
