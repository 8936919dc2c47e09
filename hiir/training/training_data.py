"""The data of a run: photos, patches or tiles, and archives that arrive later."""

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import torch

from hiir.datasets.clean_images import CleanImages
from hiir.datasets.degraded_patches import Batch, DegradedPatches
from hiir.datasets.degraded_tiles import TileSource
from hiir.datasets.packed_images import DatasetError, PackedImages
from hiir.datasets.pair_crops import PairCrops
from hiir.datasets.shards import ShardFolder
from hiir.datasets.tile_buffer import TileBuffer
from hiir.datasets.tile_workers import TileWorkers
from hiir.training.config import LoaderKind, PhaseConfig, TrainingConfig
from hiir.training.dataloader import PatchLoader
from hiir.training.paired_data import open_pairs
from hiir.training.run_position import RunPosition
from hiir.training.tile_loader import TileLoader

__all__ = ["BatchSource", "TrainingData"]

logger = logging.getLogger(__name__)

_SCAN_S = 5.0  # between two scans for archives that have arrived
_FIRST_SHARD_S = 600.0  # that the first of them may take


class BatchSource(Protocol):
    """Returns the batches of a run, one after the other."""

    def next(self, phase: PhaseConfig, *, size: int) -> Batch:
        """Return the next step's batch on the device, with ``size`` patches or fewer."""
        ...


class TrainingData:
    """The images of a run, and the processes that prepare them."""

    def __init__(self, config: TrainingConfig, *, first_tile: int = 0, rank: int = 0) -> None:
        """Open the images, and start the processes that degrade tiles.

        Call this before anything initializes a GPU: the processes are forked.

        Args:
            config: configuration of the run.
            first_tile: number of the first tile.
            rank: rank of this process among those that share a step.

        Raises:
            DatasetError: if the images cannot be used.
        """
        data = config.data
        self._config = config
        self._first_tile = first_tile
        self._rank = rank
        self._shards: ShardFolder | None = None
        self._scan: Future[PackedImages | None] | None = None
        self._looked = time.monotonic()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="shards")
        self.feed: TileLoader | None = None
        tiles = data.loader is LoaderKind.TILES
        pool = self._open_pool()
        self.images = CleanImages(
            pool,
            color=data.color,
            synthetic_share=data.synthetic_share,
            # Of tiles the place is chosen later, on the device.
            texture_share=0.0 if tiles else data.texture_share,
        )
        self._pairs = self._open_pairs()
        self._source: TileSource | None = None
        self._workers: TileWorkers | None = None
        if tiles:
            self._source = TileSource(
                self.images,
                data.degradation,
                side=data.tile,
                seed=config.seed,
                stream=rank,
                noise_level_map=data.noise_level_map,
                pairs=self._pairs,
            )
            _check_tiles(config, self._source)
            if data.workers:
                self._workers = TileWorkers(self._source, first=first_tile, count=data.workers)

    def _open_pairs(self) -> PairCrops | None:
        data, recipe = self._config.data, self._config.data.degradation
        inner = (data.tile - 2 * recipe.margin) // recipe.scale * recipe.scale
        largest = max(phase.patch for phase in self._config.phases)
        return open_pairs(
            data.pairs,
            root=data.root,
            cache=data.cache,
            color=data.color,
            scale=recipe.scale,
            views=recipe.views,
            min_side=inner if data.loader is LoaderKind.TILES else largest,
            skip_corrupt=data.skip_corrupt,
            skip_small=data.skip_small,
        )

    def _open_pool(self) -> PackedImages:
        data = self._config.data
        margin = data.degradation.margin
        side = max(phase.patch for phase in self._config.phases) + 2 * margin
        if data.loader is LoaderKind.TILES:
            side = max(side, data.tile)
        if data.shards is not None:
            return self._wait_for_shard(min_side=side)
        return PackedImages.open(
            [data.root / name for name in data.train],
            cache=data.cache,
            min_side=side,
            skip_corrupt=data.skip_corrupt,
            skip_small=data.skip_small,
        )

    def _wait_for_shard(self, *, min_side: int) -> PackedImages:
        data = self._config.data
        assert data.shards is not None  # noqa: S101 - the caller asked
        self._shards = ShardFolder(
            data.shards, root=data.root, train=data.train, cache=data.cache, min_side=min_side
        )
        logger.info("waiting for the first archive of training images in %s", data.shards)
        until = time.monotonic() + _FIRST_SHARD_S
        while (pool := self._shards.scan()) is None:
            if time.monotonic() > until:
                raise DatasetError(
                    f"no archive arrived in {data.shards} within {_FIRST_SHARD_S:.0f} s"
                )
            time.sleep(1)
        return pool

    def batches(
        self, position: RunPosition, *, device: torch.device, world: int = 1
    ) -> BatchSource:
        """Return the source of batches, starting at the run's position.

        Args:
            position: position of the run, read for each batch.
            device: device of the batches.
            world: number of processes that share a step.
        """
        config, data = self._config, self._config.data
        if self._source is None:
            patches = DegradedPatches(
                self.images,
                data.degradation,
                seed=config.seed,
                noise_level_map=data.noise_level_map,
                pairs=self._pairs,
            )
            return PatchLoader(
                patches, config, position=position, device=device, rank=self._rank, world=world
            )
        ring = TileBuffer(
            size=data.buffer,
            shapes=self._source.shapes,
            device=device,
            seed=config.seed * 1_000_003 + self._first_tile + self._rank,
            turns=self._source.turns,
            noise_level_map=data.noise_level_map,
            texture_share=data.texture_share,
        )
        self.feed = TileLoader(
            self._source,
            ring,
            first=self._first_tile,
            workers=self._workers,
            reuse=data.reuse,
            device=device,
        )
        return _Tiles(self.feed)

    @property
    def next_tile(self) -> int:
        """Number of the first tile that a resumed run draws."""
        return self._first_tile if self.feed is None else self.feed.next_number

    @property
    def reuse(self) -> float | None:
        """The average number of uses of a tile's pixel; None without tiles."""
        return None if self.feed is None else self.feed.reuse

    def look_for_shards(self) -> None:
        """Add archives that have arrived; called between steps, decodes in a thread."""
        if self._shards is None or self.feed is None:
            return
        if self._scan is not None:
            if self._scan.done():
                pool = self._scan.result()
                self._scan = None
                if pool is not None:
                    self.feed.change_pool(pool)
        elif time.monotonic() - self._looked > _SCAN_S:
            self._looked = time.monotonic()
            self._scan = self._executor.submit(self._shards.scan)

    def close(self) -> None:
        """Stop threads and processes."""
        self._executor.shutdown(cancel_futures=True)
        if self.feed is not None:
            self.feed.close()
        elif self._workers is not None:
            self._workers.close()


class _Tiles:
    """Batches that are cropped from tiles."""

    def __init__(self, feed: TileLoader) -> None:
        self._feed = feed

    def next(self, phase: PhaseConfig, *, size: int) -> Batch:
        return self._feed.batch(size, patch=phase.patch)


def _check_tiles(config: TrainingConfig, source: TileSource) -> None:
    largest = max(phase.patch for phase in config.phases)
    if largest > source.inner:
        raise DatasetError(
            f"patches of {largest} pixels do not fit what is left of a tile of "
            f"{config.data.tile} pixels within its margin: {source.inner}"
        )
