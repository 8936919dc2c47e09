import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiir.imaging import RowBlender, plan_tiles
from hiir.imaging.blending import _feather


def blend(canvas, plan, scale):
    blender = RowBlender(plan=plan, scale=scale, channels=canvas.shape[2])
    for tile in plan:
        top, left = tile.top * scale, tile.left * scale
        bottom, right = top + tile.height * scale, left + tile.width * scale
        band = blender.add(canvas[top:bottom, left:right])
        if band is not None:
            yield band


@given(
    units=st.tuples(st.integers(1, 4), st.integers(1, 5)),
    fixed=st.booleans(),
    scale=st.integers(1, 3),
    data=st.data(),
    size=st.tuples(st.integers(1, 37), st.integers(1, 37)),
    seed=st.integers(0, 2**32 - 1),
)
def test_agreeing_tiles_give_their_float32_values_bit_for_bit(
    *, units, fixed, scale, data, size, seed
):
    tile = units[0] * units[1]
    overlap = data.draw(st.integers(0, tile - 1))
    plan = plan_tiles(
        height=size[0],
        width=size[1],
        tile=tile,
        overlap=overlap,
        multiple=None if fixed else units[1],
    )
    covered = (plan.height * scale, plan.width * scale, 2)
    canvas = np.random.default_rng(seed).normal(size=covered)
    canvas = canvas.astype(np.float32)
    bands = [(band.top, band.rows.copy()) for band in blend(canvas, plan, scale)]
    assert np.array_equal(np.concatenate([rows for _, rows in bands]), canvas)
    assert [top for top, _ in bands] == [span.start * scale for span in plan.rows]


def test_a_band_comes_with_the_last_tile_of_its_row_and_ends_where_the_next_row_starts():
    plan = plan_tiles(height=10, width=10, tile=6, overlap=2)
    blender = RowBlender(plan=plan, scale=1, channels=1)
    tile = np.zeros((6, 6, 1), np.float32)
    bands = [blender.add(tile) for _ in plan]
    assert [band and len(band.rows) for band in bands] == [None, 4, None, 6]


@pytest.mark.parametrize("axis", [0, 1])
def test_a_seam_rises_smoothly_from_one_tile_to_the_other(axis):
    height, width = (12, 8) if axis == 0 else (8, 12)
    plan = plan_tiles(height=height, width=width, tile=8, overlap=4)
    blender = RowBlender(plan=plan, scale=1, channels=1)
    bands = [blender.add(np.full((8, 8, 1), level, np.float32)) for level in (0, 1)]
    result = np.concatenate([band.rows for band in bands if band is not None])[..., 0]
    profile = result.mean(axis=1 - axis)
    assert profile[:5].tolist() == [0] * 5
    assert profile[7:].tolist() == [1] * 5
    assert 0 < profile[5] < profile[6] < 1
    assert profile[5] + profile[6] == pytest.approx(1)


@pytest.mark.parametrize("length", [1, 2, 3, 8, 31, 64])
def test_feather_is_monotonous_and_symmetric(length):
    weights = _feather(length)
    assert weights.dtype == np.float32
    assert (np.diff(weights) >= 0).all()
    assert weights + weights[::-1] == pytest.approx(np.ones(length))


def test_the_blend_of_constants_stays_between_them():
    plan = plan_tiles(height=9, width=9, tile=5, overlap=4)
    blender = RowBlender(plan=plan, scale=1, channels=1)
    generator = np.random.default_rng(3)
    tiles = [np.full((5, 5, 1), level, np.float32) for level in generator.uniform(0, 1, len(plan))]
    bands = [blender.add(tile) for tile in tiles]
    result = np.concatenate([band.rows for band in bands if band is not None])
    assert result.shape == (9, 9, 1)
    rounding = np.finfo(np.float32).eps
    assert result.min() >= min(tile.min() for tile in tiles) - rounding
    assert result.max() <= max(tile.max() for tile in tiles) + rounding


def test_a_wrong_tile_and_one_too_many_are_refused():
    plan = plan_tiles(height=4, width=4, tile=4, overlap=0)
    blender = RowBlender(plan=plan, scale=2, channels=3)
    with pytest.raises(ValueError, match="shape"):
        blender.add(np.zeros((4, 4, 3), np.float32))
    blender.add(np.zeros((8, 8, 3), np.float32))
    with pytest.raises(ValueError, match="no more"):
        blender.add(np.zeros((8, 8, 3), np.float32))
