"""Degraded tiles on the device, from which batches of patches are cropped."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hiir.datasets.degraded_patches import Batch
from hiir.datasets.noise_conditioning import ESTIMATED_SHARE, LEVEL_ERROR

__all__ = ["TileBuffer"]


@dataclass(frozen=True, slots=True)
class _Places:
    """Positions of patches, ``(B,)`` int64 each; rows and columns in pixels of degraded tiles."""

    tiles: Tensor
    rows: Tensor
    columns: Tensor


class TileBuffer:
    """A ring buffer of the latest tiles of a source: a new tile replaces the oldest.

    The device draws all random numbers here from one generator: positions, flips and rotations,
    white noise and its level, and the error of the level that the network receives.
    """

    def __init__(
        self,
        *,
        size: int,
        shapes: tuple[tuple[int, int, int], tuple[int, int, int]],
        device: torch.device,
        seed: int,
        turns: bool,
        noise_level_map: bool = False,
        texture_share: float = 0.0,
    ) -> None:
        """Allocate the memory for the tiles.

        Args:
            size: number of tiles.
            shapes: ``(H, W, C)`` of a clean and of a degraded tile.
            device: device that holds the tiles.
            seed: seed of the generator.
            turns: flip and rotate patches.
            noise_level_map: append a plane that holds the noise level to each input.
            texture_share: share of patches for which the more textured of two candidates is used.
        """
        clean, degraded = shapes
        self._scale = clean[0] // degraded[0]
        self._clean = torch.empty((size, *clean), dtype=torch.uint8, device=device)
        self._degraded = torch.empty((size, *degraded), dtype=torch.float16, device=device)
        self._noise = torch.zeros((size, 5), device=device)
        self._generator = torch.Generator(device).manual_seed(seed)
        self._device = device
        self._turns = turns
        self._noise_level_map = noise_level_map
        self._texture_share = texture_share
        self.filled = 0
        """Number of tiles in the buffer."""
        self.taken = 0
        """Number of tiles that were added since the start."""

    def __len__(self) -> int:
        return len(self._clean)

    @property
    def pixels(self) -> int:
        """The number of clean pixels in one tile."""
        return self._clean.shape[1] * self._clean.shape[2]

    def put(self, clean: Tensor, degraded: Tensor, noise: Tensor) -> None:
        """Add a tile; asynchronously if the tensors are in pinned memory.

        Args:
            clean: ``(H, W, C)`` uint8.
            degraded: ``(H / scale, W / scale, C * views)`` float16.
            noise: ``(5,)`` float32: minimum and maximum sigma of the deferred noise on the scale of
                255, share of patches that are clipped, noise level and estimated level without that
                noise.
        """
        place = self.taken % len(self)
        self._clean[place].copy_(clean, non_blocking=True)
        self._degraded[place].copy_(degraded, non_blocking=True)
        self._noise[place].copy_(noise, non_blocking=True)
        self.taken += 1
        self.filled = min(self.taken, len(self))

    @torch.no_grad()
    def batch(self, size: int, *, patch: int) -> Batch:
        """Crop patches ``(B, C, patch, patch)`` float32 and their degraded versions.

        Args:
            size: number of patches, B.
            patch: side of a clean patch in pixels, a multiple of the scale.

        Raises:
            ValueError: if a patch is larger than a tile, or the buffer is empty.
        """
        side = self._clean.shape[1]
        if patch > side or not self.filled:
            raise ValueError(
                f"patches of {patch} pixels from {self.filled} tiles of {side} pixels cannot be cut"
            )
        places = self._places(size, patch // self._scale)
        clean = self._cut(self._clean, places, patch, self._scale)
        if self._texture_share:
            other = self._places(size, patch // self._scale)
            places, clean = self._more_textured(places, clean, other, patch)
        degraded = self._cut(self._degraded, places, patch // self._scale, 1).float()
        clean = clean.float() / 255
        if self._turns:
            degraded, clean = self._turned(degraded, clean)
        degraded = self._noisy(degraded, places.tiles)
        return Batch(degraded=degraded, clean=clean.contiguous())

    def _places(self, size: int, small: int) -> _Places:
        height, width = self._degraded.shape[1:3]

        def draw(count: int) -> Tensor:
            return torch.randint(count, (size,), device=self._device, generator=self._generator)

        return _Places(draw(self.filled), draw(height - small + 1), draw(width - small + 1))

    def _cut(self, tiles: Tensor, places: _Places, side: int, scale: int) -> Tensor:
        """Crop patches ``(B, C, side, side)`` from ``tiles``, of the same type, as an NHWC view."""
        span = torch.arange(side, device=self._device)
        rows = (places.rows * scale)[:, None] + span
        columns = (places.columns * scale)[:, None] + span
        cut = tiles[places.tiles[:, None, None], rows[:, :, None], columns[:, None, :]]
        return cut.permute(0, 3, 1, 2)

    def _more_textured(
        self, places: _Places, clean: Tensor, other: _Places, patch: int
    ) -> tuple[_Places, Tensor]:
        """Replace a share of the patches by a second candidate where that has more texture."""
        candidate = self._cut(self._clean, other, patch, self._scale)
        chosen = _texture(candidate) > _texture(clean)
        chosen &= self._uniform(len(clean)) < self._texture_share
        merged = _Places(
            *(
                torch.where(chosen, theirs, ours)
                for ours, theirs in (
                    (places.tiles, other.tiles),
                    (places.rows, other.rows),
                    (places.columns, other.columns),
                )
            )
        )
        return merged, torch.where(chosen[:, None, None, None], candidate, clean)

    def _turned(self, degraded: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Flip and rotate both alike, in one of eight ways per patch."""
        drawn = self._uniform(3, len(clean)) < 0.5
        for flip, dims in ((drawn[0], (2,)), (drawn[1], (3,))):
            chosen = flip[:, None, None, None]
            degraded = torch.where(chosen, degraded.flip(dims), degraded)
            clean = torch.where(chosen, clean.flip(dims), clean)
        chosen = drawn[2][:, None, None, None]
        return (
            torch.where(chosen, degraded.mT, degraded),
            torch.where(chosen, clean.mT, clean),
        )

    def _noisy(self, degraded: Tensor, tiles: Tensor) -> Tensor:
        low, high, clip_share, level, estimate = self._noise[tiles].unbind(dim=1)
        sigma = low + (high - low) * self._uniform(len(tiles))
        noise = torch.randn(
            degraded.shape, device=self._device, generator=self._generator, dtype=degraded.dtype
        )
        noisy = degraded + noise * (sigma / 255)[:, None, None, None]
        clipped = (self._uniform(len(tiles)) < clip_share)[:, None, None, None]
        noisy = torch.where(clipped, (noisy * 255).round().div(255).clamp(0, 1), noisy)
        if not self._noise_level_map:
            return noisy.contiguous()
        error = 1 + LEVEL_ERROR * (2 * self._uniform(len(tiles)) - 1)
        estimated = (self._uniform(len(tiles)) < ESTIMATED_SHARE) & (sigma == 0)
        # Of white noise an estimate is as good as the level with that error.
        given = torch.where(estimated, estimate, torch.hypot(sigma, level) * error)
        plane = (given / 255)[:, None, None, None].expand(-1, 1, *noisy.shape[2:])
        return torch.cat((noisy, plane), dim=1)

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, device=self._device, generator=self._generator)


def _texture(patches: Tensor) -> Tensor:
    """Mean absolute difference of adjacent pixels of ``(B, C, H, W)`` uint8, as ``(B,)``."""
    green = patches[:, patches.shape[1] // 2, ::2].float()
    return functional.l1_loss(green[:, :, 1:], green[:, :, :-1], reduction="none").mean(dim=(1, 2))
