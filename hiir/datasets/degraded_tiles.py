"""Degraded tiles: the source of patches for devices that are faster than single patches.

A GPU consumes ten thousand patches a second. Degrading a tile of 512 x 512 pixels costs a fraction
of degrading the 64 patches in it; patches are then cropped from it at random positions on the
device.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from hiir.datasets.clean_images import CleanImages
from hiir.datasets.packed_images import DatasetError
from hiir.datasets.pair_crops import PairCrops
from hiir.degradations.noise import noise_level
from hiir.degradations.recipe import Recipe
from hiir.degradations.steps import Chain, File, Noise, OneOf, Step
from hiir.imaging import FloatPixels, Uint8Pixels, estimate_noise_level, to_unit

__all__ = ["NO_NOISE", "DeferredNoise", "Tile", "TileSource"]

_STREAM = 1  # keeps the random numbers of tiles apart from those of patches


@dataclass(frozen=True, slots=True)
class DeferredNoise:
    """White Gaussian noise at the end of a degradation, which is drawn per patch on the device."""

    low: float
    """Minimum standard deviation on the scale of 255."""
    high: float
    clip_share: float
    """Share of patches that are rounded to 8 bits and clipped afterwards, as in a file."""


NO_NOISE = DeferredNoise(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A clean tile and its degraded version, without the margin that the degradation needed."""

    clean: Uint8Pixels
    """``(T, T, C)`` uint8."""
    degraded: npt.NDArray[np.float16]
    """``(T / scale, T / scale, C * views)``, nominally in [0, 1], before the deferred noise."""
    noise: DeferredNoise
    level: float
    """Standard deviation of ``degraded - clean`` on the scale of 255; 0 if their sizes differ or no
    network needs it.
    """
    estimate: float
    """Result of `estimate_noise_level` for ``degraded``; 0 if ``level`` is not measured."""

    @property
    def described(self) -> npt.NDArray[np.float32]:
        """The values for the argument ``noise`` of `TileBuffer.put`."""
        noise = self.noise
        values = [noise.low, noise.high, noise.clip_share, self.level, self.estimate]
        return np.array(values, np.float32)


class TileSource:
    """Tiles by number: each depends only on the seed, the stream and its number."""

    def __init__(
        self,
        images: CleanImages,
        recipe: Recipe,
        *,
        side: int,
        seed: int,
        stream: int = 0,
        noise_level_map: bool = False,
        pairs: PairCrops | None = None,
    ) -> None:
        """Create the source.

        Args:
            images: source of clean tiles.
            recipe: degradation of each tile.
            side: side of a clean tile in pixels, including the recipe's margin.
            seed: seed of the run.
            stream: number of this process among those that share the run's steps.
            noise_level_map: measure and estimate the noise level, for networks that take it as an
                input.
            pairs: source of a share of the tiles; these are not degraded further.

        Raises:
            DatasetError: if the margin leaves nothing of the tile.
        """
        self.images = images
        self.recipe = recipe
        self._side = side
        self._seed = (seed, _STREAM, stream)
        self._noise_level_map = noise_level_map
        self._pairs = pairs
        self.inner = (side - 2 * recipe.margin) // recipe.scale * recipe.scale
        """Side of a clean tile without its margin, in pixels."""
        if self.inner <= 0:
            raise DatasetError(
                f"a tile of {side} pixels leaves nothing within a margin of {recipe.margin}"
            )

    @property
    def shapes(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Shapes ``(H, W, C)`` of a clean and of a degraded tile."""
        channels, small = self.images.color.channels, self.inner // self.recipe.scale
        views = self.recipe.views
        return (self.inner, self.inner, channels), (small, small, channels * views)

    @property
    def turns(self) -> bool:
        """Whether degraded and clean tiles may be flipped and rotated together."""
        return all(step.turns for step in self.recipe.root)

    def draw(self, number: int) -> Tile:
        """Draw the tile with this number."""
        random = np.random.default_rng((*self._seed, number))
        if self._pairs is not None and random.random() < self._pairs.share:
            return self._tile(*self._pairs.draw(random, self.inner), NO_NOISE)
        image = to_unit(self.images.draw(random, self._side))
        degraded, noise = _degrade(self.recipe.root, image, random)
        margin, scale = self.recipe.margin, self.recipe.scale
        clean = _inner(image, margin, self.inner)
        small = _inner(degraded, margin // scale, self.inner // scale)
        return self._tile(small, clean, noise)

    def _tile(self, degraded: FloatPixels, clean: FloatPixels, noise: DeferredNoise) -> Tile:
        measured = self._noise_level_map and degraded.shape == clean.shape
        return Tile(
            clean=np.rint(clean * 255).astype(np.uint8),
            # Torch converts with the processor's own instruction: 0.1 ms, where numpy takes 2 ms.
            degraded=torch.from_numpy(np.ascontiguousarray(degraded)).half().numpy(),
            noise=noise,
            level=noise_level(degraded, clean) if measured else 0.0,
            # The estimate takes longer than many degradations.
            estimate=estimate_noise_level(degraded) if measured else 0.0,
        )


def _inner(image: FloatPixels, margin: int, side: int) -> FloatPixels:
    return image[margin : margin + side, margin : margin + side]


def _degrade(
    steps: Sequence[Step], image: FloatPixels, random: np.random.Generator
) -> tuple[FloatPixels, DeferredNoise]:
    """Apply the steps; white noise at the end is returned instead of applied."""
    if not steps:
        return image, NO_NOISE
    *first, last = steps
    if isinstance(last, File) and first and _is_white(first[-1]):
        noise = first.pop()
        return _apply(first, image, random), _deferred(noise, clip_share=1.0)
    image = _apply(first, image, random)
    if isinstance(last, OneOf):
        return _degrade((last.draw(random),), image, random)
    if isinstance(last, Chain):
        return _degrade(last.draw(random), image, random)
    if isinstance(last, Noise) and _is_white(last):
        return image, _deferred(last, clip_share=last.clip_share)
    return last.apply(image, random), NO_NOISE


def _apply(steps: Sequence[Step], image: FloatPixels, random: np.random.Generator) -> FloatPixels:
    for step in steps:
        image = step.apply(image, random)
    return image


def _is_white(step: Step) -> bool:
    return isinstance(step, Noise) and step.gray_share == 0


def _deferred(noise: Step, *, clip_share: float) -> DeferredNoise:
    assert isinstance(noise, Noise)  # noqa: S101 - the caller asked
    return DeferredNoise(*noise.sigma, clip_share)
