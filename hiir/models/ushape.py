"""The U-shaped Hi-IR for every task but super-resolution.

Provenance: Hi-IR, section 3.3 and Figure 3: an encoder and a decoder of stages of Hi-IR layers
with skip connections, after Restormer's macro-architecture. ``stem`` folds pixels into channels
before the first level: it is ours, for models that run on two CPU cores.
"""

from dataclasses import dataclass
from math import lcm
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from hiir.layers.attention import Similarity
from hiir.layers.hierarchical import HierarchicalLayer
from hiir.layers.initialization import Initialization, initialize
from hiir.layers.position_bias import ContinuousPositionBias
from hiir.layers.resampling import Downsample, Upsample, fold_pixels, unfold_pixels
from hiir.layers.stage_convolution import StageConvolution, StageConvolutionKind

__all__ = ["UShape", "UShapeConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UShapeConfig:
    """Every choice of a U-shaped model. Tuples run from the finest level to the latent one."""

    in_channels: int
    out_channels: int
    width: int
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    local_windows: tuple[int, ...]
    dispersed_windows: tuple[int, ...]
    regions: tuple[int, ...]
    decoder_layers: tuple[int, ...]
    stem: int = 1
    wide_decoder: bool = False
    stage_convolution: StageConvolutionKind = StageConvolutionKind.CONV3
    similarity: Similarity = Similarity.DOT
    with_l3: bool = True
    initialization: Initialization = Initialization.TRUNC_NORMAL

    def __post_init__(self) -> None:
        levels = len(self.layers)
        per_level = (self.heads, self.local_windows, self.dispersed_windows, self.regions)
        if any(len(values) != levels for values in per_level):
            raise ValueError(f"layers names {levels} levels; heads, windows and regions must too")
        if len(self.decoder_layers) != levels - 1:
            raise ValueError(f"decoder_layers must name {levels - 1} levels (all but the latent)")

    @property
    def size_multiple(self) -> int:
        """Input sides that need no padding are multiples of this many pixels."""
        spans = (
            lcm(local, region) * self.stem * 2**level
            for level, (local, region) in enumerate(
                zip(self.local_windows, self.regions, strict=True)
            )
        )
        return lcm(*spans)

    def channels(self, level: int) -> int:
        """Width of an encoder level."""
        return self.width << level


class _Stage(nn.Module):
    """Layers closed by the stage convolution and a stage residual, on ``(B, H, W, C)``."""

    def __init__(self, *, config: UShapeConfig, level: int, layers: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(
                HierarchicalLayer(
                    channels=channels,
                    heads=config.heads[level],
                    local_window=config.local_windows[level],
                    dispersed_window=config.dispersed_windows[level],
                    region=config.regions[level],
                    similarity=config.similarity,
                    with_l3=config.with_l3,
                )
                for _ in range(layers)
            )
        )
        self.convolution = StageConvolution(channels=channels, kind=config.stage_convolution)

    def forward(self, tokens: Tensor) -> Tensor:
        closed: Tensor = tokens + self.convolution(self.layers(tokens))
        return closed


class UShape(nn.Module):
    """Encoder, latent stage and decoder; the output is the input plus a predicted residual."""

    def __init__(self, config: UShapeConfig) -> None:
        super().__init__()
        self.config = config
        latent = len(config.layers) - 1
        folded = config.stem**2
        self.embed = nn.Conv2d(config.in_channels * folded, config.width, 3, padding=1)
        self.encoder = nn.ModuleList(
            _Stage(config=config, level=i, layers=n, channels=config.channels(i))
            for i, n in enumerate(config.layers)
        )
        self.down = nn.ModuleList(Downsample(channels=config.channels(i)) for i in range(latent))
        self.up = nn.ModuleList(Upsample(channels=config.channels(i + 1)) for i in range(latent))
        # A wide decoder keeps the concatenated 2C channels at the finest level, as Restormer does.
        self.merge = nn.ModuleList(
            nn.Identity()
            if config.wide_decoder and i == 0
            else nn.Linear(2 * config.channels(i), config.channels(i))
            for i in range(latent)
        )
        self.decoder = nn.ModuleList(
            _Stage(config=config, level=i, layers=n, channels=self._decoder_channels(i))
            for i, n in enumerate(config.decoder_layers)
        )
        self.output = nn.Conv2d(
            self._decoder_channels(0), config.out_channels * folded, 3, padding=1
        )
        initialize(self, config.initialization)

    def freeze(self) -> Self:
        """Fix what depends on the weights alone, for inference; returns the model itself."""
        for module in self.modules():
            if isinstance(module, ContinuousPositionBias):
                module.freeze()
        return self

    def _decoder_channels(self, level: int) -> int:
        widened = self.config.wide_decoder and level == 0
        return self.config.channels(level) * (2 if widened else 1)

    def forward(self, image: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            image: ``(B, in_channels, H, W)`` float32 [0, 1], any H and W; sides that are no
                multiple of ``config.size_multiple`` are padded (replicate) and cropped again.

        Returns:
            ``(B, out_channels, H, W)`` float, not clamped: clipping to [0, 1] is the caller's.
        """
        height, width = image.shape[-2:]
        multiple = self.config.size_multiple
        missing = (-width % multiple, -height % multiple)
        padded = (
            functional.pad(image, (0, missing[0], 0, missing[1]), "replicate")
            if any(missing)
            else image
        )

        folded = fold_pixels(padded.permute(0, 2, 3, 1), self.config.stem)
        tokens = self.embed(folded.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        skips: list[Tensor] = []
        for stage, down in zip(self.encoder[:-1], self.down, strict=True):
            tokens = stage(tokens)
            skips.append(tokens)
            tokens = down(tokens)
        tokens = self.encoder[-1](tokens)
        for level in reversed(range(len(skips))):
            joined = torch.cat((self.up[level](tokens), skips[level]), dim=-1)
            tokens = self.decoder[level](self.merge[level](joined))
        folded = self.output(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        residual = unfold_pixels(folded, self.config.stem).permute(0, 3, 1, 2)
        restored = padded[:, : self.config.out_channels] + residual
        return restored[..., :height, :width]
