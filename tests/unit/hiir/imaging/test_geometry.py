from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiir.imaging import Tile, plan_tiles


@given(
    tile=st.integers(1, 40), data=st.data(), extra=st.tuples(st.integers(0, 90), st.integers(0, 90))
)
def test_tiles_cover_the_image_and_overlap_enough(tile, data, extra):
    overlap = data.draw(st.integers(0, tile - 1))
    height, width = tile + extra[0], tile + extra[1]
    plan = plan_tiles(height=height, width=width, tile=tile, overlap=overlap)
    for starts, length in ((plan.tops, height), (plan.lefts, width)):
        assert starts[0] == 0
        assert starts[-1] + tile == length
        steps = [later - earlier for earlier, later in pairwise(starts)]
        assert all(1 <= step <= tile - overlap for step in steps)
        assert not steps or max(steps) - min(steps) <= 1


@given(tile=st.integers(2, 40), data=st.data(), extra=st.integers(0, 90))
def test_no_smaller_number_of_tiles_would_do(tile, data, extra):
    overlap = data.draw(st.integers(0, tile - 1))
    plan = plan_tiles(height=tile, width=tile + extra, tile=tile, overlap=overlap)
    columns = len(plan.lefts)
    assert columns == 1 or tile + (columns - 2) * (tile - overlap) < tile + extra


def test_tiles_come_in_row_major_order():
    plan = plan_tiles(height=6, width=6, tile=4, overlap=1)
    assert len(plan) == 4
    assert list(plan) == [
        Tile(row=0, column=0, top=0, left=0),
        Tile(row=0, column=1, top=0, left=2),
        Tile(row=1, column=0, top=2, left=0),
        Tile(row=1, column=1, top=2, left=2),
    ]


@pytest.mark.parametrize(
    ("height", "width", "tile", "overlap"),
    [(8, 8, 8, 8), (8, 8, 8, -1), (8, 8, 0, 0), (7, 8, 8, 0), (8, 7, 8, 0)],
)
def test_an_impossible_plan_is_refused(height, width, tile, overlap):
    with pytest.raises(ValueError, match="tile"):
        plan_tiles(height=height, width=width, tile=tile, overlap=overlap)
