"""The U-shaped Hi-IR for every task but super-resolution.

Provenance: Hi-IR, section 3.4, Figure 3 and Table 17: an encoder and a decoder of stages of Hi-IR
layers with skip connections, after Restormer's macro-architecture. ``stem`` folds pixels into
channels before the first level: it is ours, for models that run on two CPU cores.
"""

from dataclasses import dataclass
from math import lcm

import torch
from torch import Tensor, nn

from hiir.layers.convolution import convolution3
from hiir.layers.initialization import initialize
from hiir.layers.layer_config import ArchitectureError, LayerConfig, check_rules
from hiir.layers.resampling import Downsample, Upsample, pixel_shuffle, pixel_unshuffle
from hiir.layers.stage import Stage
from hiir.models.architecture import ArchitectureConfig, RestorationModel

__all__ = ["UShape", "UShapeConfig"]

_LEAST_LEVEL = 0.5 / 255
"""Noise level below which a network that takes the level changes less, and nothing at 0. Rounding
to 8 bits alone has a standard deviation of 0.29 / 255: an image with less is synthetic, and its
flat colors and letters should be unchanged.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UShapeConfig(ArchitectureConfig):
    """The configuration of a U-shaped model. Tuples run from the finest level to the latent one."""

    width: int
    """Channels of the finest level; they double at each coarser level."""
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    local_windows: tuple[int, ...]
    dispersed_windows: tuple[int, ...]
    regions: tuple[int, ...]
    decoder_layers: tuple[int, ...]
    stem: int = 1
    """Pixels along a side that are folded into one token of the finest level."""
    wide_decoder: bool = False
    """Whether to keep the concatenated channels at the finest level of the decoder, as in
    Restormer.
    """
    condition_channels: int = 0
    """Number of the last input channels that describe the image, such as its noise level."""

    def __post_init__(self) -> None:
        levels = len(self.layers)
        per_level = (self.heads, self.local_windows, self.dispersed_windows, self.regions)
        if any(len(values) != levels for values in per_level):
            raise ArchitectureError(
                f"layers {self.layers} names {levels} levels; heads, windows and regions must too"
            )
        if len(self.decoder_layers) != levels - 1:
            raise ArchitectureError(
                f"decoder_layers {self.decoder_layers} must name {levels - 1} levels "
                "(all but the latent)"
            )
        check_rules(
            (
                (name, value, 1)
                for name, value in (
                    *(("layers", depth) for depth in (*self.layers, *self.decoder_layers)),
                    ("in_channels", self.image_channels),
                    ("out_channels", self.out_channels),
                    ("stem", self.stem),
                )
            ),
            (("in_channels", self.image_channels, "out_channels", self.out_channels),),
        )
        for level in range(levels):
            self.layer(level)

    @property
    def image_channels(self) -> int:
        """Input channels without the conditioning channels."""
        return self.in_channels - self.condition_channels

    @property
    def upscale(self) -> int:
        """1: the output has the size of the input."""
        return 1

    @property
    def size_multiple(self) -> int:
        """Input sides need no padding if they are multiples of this number of pixels."""
        return lcm(
            *(
                self.layer(level).size_multiple * self.stem * 2**level
                for level in range(len(self.layers))
            )
        )

    def channels(self, level: int) -> int:
        """Width of an encoder level."""
        return self.width << level

    def decoder_channels(self, level: int) -> int:
        """Width of a decoder level."""
        return self.channels(level) * (2 if self.wide_decoder and level == 0 else 1)

    def layer(self, level: int, *, decoder: bool = False) -> LayerConfig:
        """Return the configuration of a level's layers."""
        return LayerConfig(
            channels=self.decoder_channels(level) if decoder else self.channels(level),
            heads=self.heads[level],
            local_window=self.local_windows[level],
            dispersed_window=self.dispersed_windows[level],
            region=self.regions[level],
            version=self.version,
            similarity=self.similarity,
            with_l3=self.with_l3,
        )

    def build(self) -> "UShape":
        """Build the network with random weights."""
        return UShape(self)


class UShape(RestorationModel):
    """Encoder, latent stage and decoder; the output is the input plus a predicted residual."""

    def __init__(self, config: UShapeConfig) -> None:
        super().__init__()
        self.config: UShapeConfig = config
        latent = len(config.layers) - 1
        folded = config.stem**2
        convolution = config.stage_convolution
        self.conv_first = convolution3(config.in_channels * folded, config.width)
        self.encoder = nn.ModuleList(
            Stage(config.layer(i), depth=n, convolution=convolution)
            for i, n in enumerate(config.layers)
        )
        self.down = nn.ModuleList(Downsample(channels=config.channels(i)) for i in range(latent))
        self.up = nn.ModuleList(Upsample(channels=config.channels(i + 1)) for i in range(latent))
        self.merge = nn.ModuleList(
            nn.Identity()
            if config.wide_decoder and i == 0
            else nn.Linear(2 * config.channels(i), config.channels(i))
            for i in range(latent)
        )
        self.decoder = nn.ModuleList(
            Stage(config.layer(i, decoder=True), depth=n, convolution=convolution)
            for i, n in enumerate(config.decoder_layers)
        )
        self.conv_last = convolution3(config.decoder_channels(0), config.out_channels * folded)
        initialize(self, config.initialization)

    def restore(self, image: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        folded = pixel_unshuffle(image.permute(0, 2, 3, 1), self.config.stem)
        # The residual is added to the image as it is, even if the network computes in bfloat16.
        plane = folded.permute(0, 3, 1, 2).to(self.conv_first.weight.dtype)
        tokens = self.conv_first(plane).permute(0, 2, 3, 1)
        skips: list[Tensor] = []
        for stage, down in zip(self.encoder[:-1], self.down, strict=True):
            tokens = stage(tokens)
            skips.append(tokens)
            tokens = down(tokens)
        tokens = self.encoder[-1](tokens)
        for level in reversed(range(len(skips))):
            joined = torch.cat((self.up[level](tokens), skips[level]), dim=-1)
            tokens = self.decoder[level](self.merge[level](joined))
        folded = self.conv_last(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        residual = pixel_shuffle(folded, self.config.stem).permute(0, 3, 1, 2)
        if self.config.condition_channels:
            noise = image[:, self.config.image_channels :]
            residual = residual * (noise / _LEAST_LEVEL).clamp(max=1)
        return self._base(image) + residual

    def _base(self, image: Tensor) -> Tensor:
        """Return what the residual is added to: the image, or the mean of its views."""
        if self.config.condition_channels:
            image = image[:, : self.config.image_channels]
        views = self.config.image_channels // self.config.out_channels
        if views == 1:
            return image
        return torch.stack(image.chunk(views, dim=1)).mean(dim=0)
