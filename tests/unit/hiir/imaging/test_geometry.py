from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiir.imaging import Span, Tile, plan_tiles

UNITS = st.tuples(st.integers(1, 12), st.integers(1, 12))
"""A multiple, and how many of it are the largest side."""


@given(units=UNITS, fixed=st.booleans(), data=st.data(), size=st.tuples(*2 * [st.integers(1, 300)]))
def test_tiles_cover_the_image_and_overlap_enough(units, fixed, data, size):
    multiple, count = units
    tile = multiple * count
    overlap = data.draw(st.integers(0, tile - 1))
    plan = plan_tiles(
        height=size[0],
        width=size[1],
        tile=tile,
        overlap=overlap,
        multiple=None if fixed else multiple,
    )
    for spans, length in ((plan.rows, size[0]), (plan.columns, size[1])):
        assert spans[0].start == 0
        assert spans[-1].end == length if len(spans) > 1 else spans[-1].end >= length
        assert all(span.size % (tile if fixed else multiple) == 0 for span in spans)
        assert all(0 < span.size <= tile for span in spans)
        shared = [earlier.end - later.start for earlier, later in pairwise(spans)]
        assert all(pixels >= overlap for pixels in shared)
        assert not shared or max(shared) - min(shared) <= 1
        assert all(earlier.start < later.start for earlier, later in pairwise(spans))


@given(units=UNITS, data=st.data(), length=st.integers(1, 300))
def test_no_smaller_number_of_tiles_and_of_pixels_would_do(units, data, length):
    multiple, count = units
    tile = multiple * count
    overlap = data.draw(st.integers(0, tile - 1))
    plan = plan_tiles(height=1, width=length, tile=tile, overlap=overlap, multiple=multiple)
    columns = len(plan.columns)
    assert columns == 1 or tile + (columns - 2) * (tile - overlap) < length
    pixels = sum(span.size for span in plan.columns)
    assert pixels - multiple < length + (columns - 1) * overlap
    sizes = [span.size for span in plan.columns]
    assert max(sizes) - min(sizes) <= multiple


@pytest.mark.parametrize(
    ("side", "sizes"),
    [
        (1, [64]),
        (128, [128]),
        (256, [256]),
        (257, [192, 128]),
        (300, [192, 128]),
        (1024, [256, 256, 192, 192, 192]),
    ],
)
def test_a_photo_costs_little_more_than_its_own_pixels(side, sizes):
    plan = plan_tiles(height=side, width=side, tile=256, overlap=8, multiple=64)
    assert [span.size for span in plan.rows] == sizes


def test_tiles_come_in_row_major_order():
    plan = plan_tiles(height=6, width=7, tile=4, overlap=1, multiple=2)
    assert plan.columns == (Span(start=0, size=4), Span(start=3, size=4))
    assert len(plan) == 4
    assert list(plan) == [
        Tile(row=0, column=0, top=0, left=0, height=4, width=4),
        Tile(row=0, column=1, top=0, left=3, height=4, width=4),
        Tile(row=1, column=0, top=2, left=0, height=4, width=4),
        Tile(row=1, column=1, top=2, left=3, height=4, width=4),
    ]


@pytest.mark.parametrize(
    ("height", "width", "tile", "overlap", "multiple"),
    [
        (8, 8, 8, 8, None),
        (8, 8, 8, -1, None),
        (8, 8, 0, 0, None),
        (0, 8, 8, 0, None),
        (8, 0, 8, 0, None),
        (8, 8, 8, 0, 3),
        (8, 8, 8, 0, 0),
    ],
)
def test_an_impossible_plan_is_refused(height, width, tile, overlap, multiple):
    with pytest.raises(ValueError, match="tile"):
        plan_tiles(height=height, width=width, tile=tile, overlap=overlap, multiple=multiple)
