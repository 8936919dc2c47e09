import os
import signal
import time

import numpy as np
import pytest

from hiir.datasets import tile_workers
from hiir.datasets.clean_images import CleanImages
from hiir.datasets.degraded_tiles import TileSource
from hiir.datasets.packed_images import DatasetError, PackedImages
from hiir.datasets.photo_files import ColorMode
from hiir.datasets.tile_workers import TileWorkers
from hiir.degradations.recipe import Recipe


def source(pool) -> TileSource:
    recipe = Recipe.model_validate([{"kind": "jpeg", "quality": [10, 60]}])
    return TileSource(CleanImages(pool, color=ColorMode.RGB), recipe, side=64, seed=1)


@pytest.fixture
def pool() -> list[np.ndarray]:
    return [np.random.default_rng(0).integers(0, 256, (80, 96, 3), np.uint8)]


def collect(workers: TileWorkers, count: int) -> list[np.ndarray]:
    """Copies of the next tiles; each slot is given back."""
    found = []
    until = time.monotonic() + 60
    while len(found) < count and time.monotonic() < until:
        for tile in workers.ready(timeout=1):
            found.append(tile.degraded.numpy().copy())
            workers.release(tile.slot)
    return found[:count]


def test_processes_draw_the_tiles_of_the_source(pool) -> None:
    workers = TileWorkers(source(pool), first=3, count=2)
    try:
        tiles = collect(workers, 12)
        assert workers.next_number >= 3 + 12
    finally:
        workers.close()
    expected = {source(pool).draw(number).degraded.tobytes() for number in range(3, 3 + 30)}
    assert len({tile.tobytes() for tile in tiles}) == 12
    assert {tile.tobytes() for tile in tiles} <= expected


def test_a_process_that_dies_is_replaced_and_no_tile_is_lost(pool, caplog) -> None:
    workers = TileWorkers(source(pool), first=0, count=1)
    try:
        first = collect(workers, 2)
        os.kill(workers._workers[0].process.pid, signal.SIGKILL)
        rest = collect(workers, 10)
    finally:
        workers.close()
    assert "exited with code -9; it is restarted" in caplog.text
    expected = {source(pool).draw(number).degraded.tobytes() for number in range(12)}
    assert {tile.tobytes() for tile in [*first, *rest]} == expected


def test_processes_that_die_again_and_again_end_the_run(pool, monkeypatch) -> None:
    monkeypatch.setattr(tile_workers, "_MAX_RESTARTS", 2)
    monkeypatch.setattr(TileSource, "draw", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    workers = TileWorkers(source(pool), first=0, count=1)
    with pytest.raises(DatasetError, match="ended 3 times, the last with code -9"):
        collect(workers, 1)
    workers.close()


def test_an_error_in_a_process_is_told_with_its_traceback(pool, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("of a degradation")

    monkeypatch.setattr(TileSource, "draw", fail)
    workers = TileWorkers(source(pool), first=0, count=1)
    with pytest.raises(DatasetError, match=r"(?s)Traceback.*ZeroDivisionError: of a degradation"):
        collect(workers, 1)
    workers.close()


def test_too_little_memory_says_how_much_is_needed(pool, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(tile_workers.mmap, "mmap", refuse)
    with pytest.raises(
        DatasetError, match=r"8 tiles need 0 MiB of shared memory: .*Cannot allocate"
    ):
        TileWorkers(source(pool), first=0, count=2)


def test_processes_end_with_their_parent(pool) -> None:
    workers = TileWorkers(source(pool), first=0, count=2)
    processes = [worker.process for worker in workers._workers]
    workers.close()
    assert all(process.exitcode is not None for process in processes)


def test_tiles_are_cut_from_another_pool_once_it_is_there(draw_images, tmp_path, pool) -> None:
    folder = draw_images("more", (64, 64))
    other = PackedImages.open([folder], cache=tmp_path / "cache", min_side=64)
    workers = TileWorkers(source(pool), first=0, count=1)
    try:
        workers.change_pool(other)
        tiles = collect(workers, 12)
    finally:
        workers.close()
    # Those that were asked for before come first.
    expected = [source(other).draw(number).degraded.tobytes() for number in range(12)]
    assert [tile.tobytes() for tile in tiles[4:]] == expected[4:]
