"""Batches from a ring buffer of degraded tiles, which are replaced as their pixels are used."""

import torch
from torch import Tensor

from hiir.datasets.degraded_patches import Batch
from hiir.datasets.degraded_tiles import TileSource
from hiir.datasets.packed_images import DatasetError, PackedImages
from hiir.datasets.tile_buffer import TileBuffer
from hiir.datasets.tile_workers import TileWorkers

__all__ = ["TileLoader"]

_LEAST = 16  # tiles that must be there before the first batch
_PATIENCE_S = 120.0  # that a tile may take before the feed gives up
_STAGED = 8  # tiles on their way to a GPU at the same time


class TileLoader:
    """Fills a ring buffer, by worker processes or in this process, and crops batches from it."""

    def __init__(
        self,
        source: TileSource,
        ring: TileBuffer,
        *,
        first: int = 0,
        workers: TileWorkers | None = None,
        reuse: float = 1.0,
        device: torch.device,
    ) -> None:
        """Fill the buffer as far as the first batch needs it.

        Args:
            source: source of the tiles.
            ring: buffer of the tiles.
            first: number of the first tile, without worker processes.
            workers: processes that draw the tiles; if None, this process draws them between steps.
            reuse: average number of uses of a pixel before its tile is replaced.
            device: device of the buffer.

        Raises:
            DatasetError: if tiles cannot be drawn.
        """
        self._source, self._ring = source, ring
        self._workers = workers
        self._reuse = reuse
        self._next = first
        self._used = 0
        self._staging = _Staging(source.shapes) if device.type == "cuda" else None
        while ring.filled < min(_LEAST, len(ring)):
            self._refresh(timeout=_PATIENCE_S)

    @property
    def next_number(self) -> int:
        """Number of the first tile that a resumed run draws."""
        return self._next if self._workers is None else self._workers.next_number

    @property
    def reuse(self) -> float:
        """The average number of uses of a pixel so far."""
        return self._used / (self._ring.taken * self._ring.pixels)

    def batch(self, size: int, *, patch: int) -> Batch:
        """Crop a batch, after replacing used tiles by new ones.

        Raises:
            DatasetError: if tiles cannot be drawn.
        """
        self._refresh()
        self._used += size * patch**2
        return self._ring.batch(size, patch=patch)

    def change_pool(self, pool: PackedImages) -> None:
        """Switch to other photos for all tiles from now on."""
        if self._workers is None:
            self._source.images.pool = pool
        else:
            self._workers.change_pool(pool)

    def close(self) -> None:
        """Stop the processes."""
        if self._workers is not None:
            self._workers.close()

    @property
    def _wanted(self) -> bool:
        return self._ring.filled < len(self._ring) or self.reuse > self._reuse

    def _refresh(self, *, timeout: float = 0.0) -> None:
        if self._workers is None:
            self._draw(at_least_one=timeout > 0)
            return
        if not timeout and not self._wanted:
            return
        found = False
        for tile in self._workers.ready(timeout=timeout):
            self._put(tile.clean, tile.degraded, tile.noise)
            self._workers.release(tile.slot)
            found = True
        if timeout and not found:
            raise DatasetError(f"no tile was degraded within {timeout:.0f} s")

    def _draw(self, *, at_least_one: bool) -> None:
        while at_least_one or self.reuse > self._reuse:
            tile = self._source.draw(self._next)
            arrays = (tile.clean, tile.degraded, tile.described)
            self._put(*(torch.from_numpy(array) for array in arrays))
            self._next += 1
            at_least_one = False

    def _put(self, clean: Tensor, degraded: Tensor, noise: Tensor) -> None:
        if self._staging is None:
            self._ring.put(clean, degraded, noise)
        else:
            self._staging.put(self._ring, clean, degraded, noise)


class _Staging:
    """Pinned memory from which a GPU copies asynchronously."""

    def __init__(self, shapes: tuple[tuple[int, int, int], tuple[int, int, int]]) -> None:
        self._buffers = [
            (
                torch.empty(shapes[0], dtype=torch.uint8, pin_memory=True),
                torch.empty(shapes[1], dtype=torch.float16, pin_memory=True),
                torch.empty(5, pin_memory=True),
            )
            for _ in range(_STAGED)
        ]
        self._copied = [
            torch.cuda.Event()  # type: ignore[no-untyped-call]
            for _ in range(_STAGED)
        ]
        self._next = 0

    def put(self, ring: TileBuffer, *tensors: Tensor) -> None:
        place = self._next % _STAGED
        self._copied[place].synchronize()
        clean, degraded, noise = self._buffers[place]
        for buffer, tensor in zip((clean, degraded, noise), tensors, strict=True):
            buffer.copy_(tensor)
        ring.put(clean, degraded, noise)
        self._copied[place].record()
        self._next += 1
