"""The time of a job is the sum of its parts, each by the megapixels that it works on."""

from dataclasses import replace

import pytest

from hiir.imaging import plan_tiles
from service.capacity.job_work import JobWork, TileWork, tile_pixels

SHA = "a" * 64
TILES = TileWork(model_sha256=SHA, any_size=False, pixels=3_000_000)
WORK = JobWork(
    steps=(TILES,),
    read_format="jpeg",
    read_pixels=12_000_000,
    written_format="png",
    written_pixels=2_000_000,
)
PACES = {f"tiles:fixed:{SHA}": 2.0, "read:jpeg": 0.05, "written:png": 0.4, SHA: 99.0}


def test_the_seconds_are_those_of_tiles_and_of_both_files() -> None:
    assert WORK.seconds(PACES) == pytest.approx(3 * 2.0 + 12 * 0.05 + 2 * 0.4)


def test_small_files_take_as_long_as_a_megapixel() -> None:
    small = replace(WORK, read_pixels=100, written_pixels=100)
    assert small.seconds(PACES) == pytest.approx(6 + 0.05 + 0.4)


def test_without_a_job_of_the_model_as_it_is_served_nothing_is_predicted() -> None:
    assert WORK.seconds({}) is None
    for unknown in (replace(TILES, any_size=True), replace(TILES, model_sha256="b" * 64)):
        assert replace(WORK, steps=(unknown,)).seconds(PACES) is None
        assert replace(WORK, steps=(TILES, unknown)).seconds(PACES) is None


def test_each_step_adds_its_tiles_and_a_job_without_any_takes_its_files() -> None:
    assert replace(WORK, steps=(TILES, TILES)).seconds(PACES) == pytest.approx(2 * 6 + 1.4)
    assert replace(WORK, steps=()).seconds({}) == 0
    assert replace(WORK, steps=()).seconds(PACES) == pytest.approx(1.4)


def test_a_format_that_was_never_written_counts_as_nothing() -> None:
    assert replace(WORK, written_format="tiff").seconds(PACES) == pytest.approx(6.6)


def test_tiles_count_with_what_they_share_and_with_their_padding() -> None:
    assert tile_pixels(plan_tiles(height=10, width=100, tile=64, overlap=8)) == 2 * 64**2
    free = plan_tiles(height=10, width=100, tile=64, overlap=8, multiple=8)
    assert tile_pixels(free) == sum(span.size * 16 for span in free.columns)
