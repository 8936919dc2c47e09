"""The columnar Hi-IR, for super-resolution.

Provenance: Hi-IR, section 3.4, Figure 8 and Table 17, after SwinIR's macro-architecture. Table 17
prints Large as 8 stages of 8 layers, which makes 25.39 M parameters at x2; 10 stages of 10 make the
39.07 M that Table 8 prints, and are what is built here. The direct upsampler is ours, for
models that run on two CPU cores.
"""

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.nn import functional

from hiir.layers.convolution import convolution3
from hiir.layers.initialization import initialize
from hiir.layers.layer_config import ArchitectureError, LayerConfig, check_rules
from hiir.layers.stage import Stage
from hiir.layers.stage_convolution import StageConvolution
from hiir.models.architecture import ArchitectureConfig, RestorationModel

__all__ = ["Columnar", "ColumnarConfig", "Upsampler"]

_UPSAMPLER_WIDTH = 64
# Factors of the pixel-shuffles that make up a scale.
_SHUFFLES = {2: (2,), 3: (3,), 4: (2, 2)}


class Upsampler(StrEnum):
    """The upsampler, from tokens to the pixels of the larger image."""

    SHUFFLE = "shuffle"
    """As in the paper: convolutions at 64 channels between pixel-shuffles."""
    DIRECT = "direct"
    """One convolution at low resolution and one pixel-shuffle, added to the repeated pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnarConfig(ArchitectureConfig):
    """The configuration of a columnar model."""

    scale: int
    """2, 3 or 4."""
    width: int
    """Channels of all layers."""
    layers: tuple[int, ...]
    """Layers of each stage."""
    heads: int
    local_window: int
    dispersed_window: int
    region: int
    upsampler: Upsampler = Upsampler.SHUFFLE

    def __post_init__(self) -> None:
        if self.scale not in _SHUFFLES:
            known = ", ".join(map(str, _SHUFFLES))
            raise ArchitectureError(f"scale {self.scale} must be one of {known}")
        if not self.layers:
            raise ArchitectureError("layers () must name at least one stage")
        if self.in_channels != self.out_channels:
            raise ArchitectureError(
                f"in_channels {self.in_channels} and out_channels {self.out_channels} must be equal"
            )
        check_rules(
            (
                ("in_channels", self.in_channels, 1),
                *(("layers", depth, 1) for depth in self.layers),
            ),
            (),
        )
        self.layer()

    @property
    def upscale(self) -> int:
        """Output pixels per input pixel along a side."""
        return self.scale

    @property
    def size_multiple(self) -> int:
        """Input sides need no padding if they are multiples of this number of pixels."""
        return self.layer().size_multiple

    def layer(self) -> LayerConfig:
        """The configuration of all layers."""
        return LayerConfig(
            channels=self.width,
            heads=self.heads,
            local_window=self.local_window,
            dispersed_window=self.dispersed_window,
            region=self.region,
            version=self.version,
            similarity=self.similarity,
            with_l3=self.with_l3,
        )

    def build(self) -> "Columnar":
        """Build the network with random weights."""
        return Columnar(self)


class Columnar(RestorationModel):
    """Stages at one resolution around a global residual, then an upsampler."""

    def __init__(self, config: ColumnarConfig) -> None:
        super().__init__()
        self.config: ColumnarConfig = config
        self.conv_first = convolution3(config.in_channels, config.width)
        self.norm_in = nn.LayerNorm(config.width)
        self.stages = nn.Sequential(
            *(
                Stage(config.layer(), depth=n, convolution=config.stage_convolution)
                for n in config.layers
            )
        )
        self.norm_out = nn.LayerNorm(config.width)
        self.conv_after_body = StageConvolution(
            channels=config.width, kind=config.stage_convolution
        )
        upsamplers: dict[Upsampler, type[_PixelShuffleUpsampler | _DirectUpsampler]] = {
            Upsampler.SHUFFLE: _PixelShuffleUpsampler,
            Upsampler.DIRECT: _DirectUpsampler,
        }
        self.upsampler = upsamplers[config.upsampler](config)
        initialize(self, config.initialization)

    def restore(self, image: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, scale * H, scale * W)``."""
        # What is repeated below is the image as it is, even if the network computes in bfloat16.
        shallow = self.conv_first(image.to(self.conv_first.weight.dtype)).permute(0, 2, 3, 1)
        deep = self.norm_out(self.stages(self.norm_in(shallow)))
        tokens = shallow + self.conv_after_body(deep)
        enlarged: Tensor = self.upsampler(tokens.permute(0, 3, 1, 2), image)
        return enlarged


class _PixelShuffleUpsampler(nn.Module):
    def __init__(self, config: ColumnarConfig) -> None:
        super().__init__()
        self.conv_before = convolution3(config.width, _UPSAMPLER_WIDTH)
        self.upsample = nn.Sequential()
        for factor in _SHUFFLES[config.scale]:
            self.upsample.append(convolution3(_UPSAMPLER_WIDTH, _UPSAMPLER_WIDTH * factor**2))
            self.upsample.append(nn.PixelShuffle(factor))
        self.conv_last = convolution3(_UPSAMPLER_WIDTH, config.out_channels)

    def forward(self, plane: Tensor, image: Tensor) -> Tensor:  # noqa: ARG002
        """Map ``(B, width, H, W)`` to the enlarged image."""
        enlarged: Tensor = self.conv_last(
            self.upsample(functional.leaky_relu(self.conv_before(plane)))
        )
        return enlarged


class _DirectUpsampler(nn.Module):
    def __init__(self, config: ColumnarConfig) -> None:
        super().__init__()
        self.scale = config.scale
        self.conv_last = convolution3(config.width, config.out_channels * config.scale**2)

    def forward(self, plane: Tensor, image: Tensor) -> Tensor:
        """Map ``(B, width, H, W)`` and the small image to the enlarged one."""
        # A shuffle of repeated channels is enlargement by the nearest pixel.
        repeated = torch.repeat_interleave(image, self.scale**2, dim=1)
        return functional.pixel_shuffle(self.conv_last(plane) + repeated, self.scale)
