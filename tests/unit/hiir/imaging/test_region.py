from concurrent.futures import Future

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hiir.imaging import Region, plan_tiles, tiles_of
from tests.unit.hiir.imaging.restoring import restore


class TileNoise:
    """Adds what depends on the tile and on the place in it: seams show wherever they lie."""

    def __init__(self, scale=1, *, any_size=False):
        self.any_size = any_size
        self._scale = scale
        self.tiles = 0

    def submit(self, tile):
        self.tiles += 1
        result = tile.repeat(self._scale, axis=2).repeat(self._scale, axis=3)
        seed = int(np.abs(tile).sum() * 1000)
        noise = np.random.default_rng(seed).normal(0, 0.05, result.shape)
        future = Future()
        future.set_result((result + noise).astype(np.float32))
        return future


@st.composite
def regions(draw):
    """A size and a region of it."""
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    region = Region(
        left=left,
        top=top,
        width=draw(st.integers(1, width - left)),
        height=draw(st.integers(1, height - top)),
    )
    return (height, width), region


@given(
    case=regions(),
    overlap=st.integers(0, 15),
    kind=st.tuples(st.sampled_from([1, 2]), st.booleans(), st.sampled_from([0.3, 1.0])),
)
@settings(deadline=None)
def test_a_region_is_that_part_of_the_whole_result_bit_for_bit(
    make_contract, make_pixels, case, overlap, kind
):
    (size, region), (scale, any_size, strength) = case, kind
    image = make_pixels(*size)
    contract = make_contract(scale=scale, overlap=overlap)
    engine = TileNoise(scale, any_size=any_size)
    part = restore(image, contract, engine, region=region, strength=strength)
    whole = restore(image, contract, TileNoise(scale, any_size=any_size), strength=strength)
    rows = slice(region.top * scale, region.bottom * scale)
    columns = slice(region.left * scale, region.right * scale)
    assert np.array_equal(part, whole[rows, columns])
    assert engine.tiles == len(tiles_of(image.shape, contract, any_size=any_size, region=region))


def test_only_the_tiles_that_overlap_a_region_are_restored(make_contract, make_pixels):
    contract = make_contract(tile=32, overlap=4)
    image = make_pixels(32 * 10, 32 * 10)
    engine = TileNoise()
    restore(image, contract, engine, region=Region(left=100, top=200, width=20, height=20))
    assert engine.tiles <= 4
    whole = plan_tiles(height=320, width=320, tile=32, overlap=4)
    assert len(whole) > 100
    assert set(whole.covering(Region(left=0, top=0, width=320, height=320))) == set(whole)


@pytest.mark.parametrize("values", [(-1, 0, 5, 5), (0, -1, 5, 5), (0, 0, 0, 5), (0, 0, 5, 0)])
def test_a_region_has_pixels_and_begins_in_the_image(values):
    left, top, width, height = values
    with pytest.raises(ValueError, match="region"):
        Region(left=left, top=top, width=width, height=height)


@pytest.mark.parametrize("region", [(50, 0, 7, 5), (0, 36, 5, 5), (56, 0, 1, 1)])
def test_a_region_beyond_the_image_is_refused(make_contract, make_pixels, region):
    left, top, width, height = region
    beyond = Region(left=left, top=top, width=width, height=height)
    with pytest.raises(ValueError, match="56x40 pixels does not have the region"):
        restore(make_pixels(40, 56), make_contract(), TileNoise(), region=beyond)


@given(case=regions())
def test_a_region_is_read_as_it_is_written(case):
    _, region = case
    assert Region.parse(str(region)) == region


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "1,2,3,4,5", "1, 2,3,4", "+1,2,3,4", "1_0,2,3,4", "-1,2,3,4", "\u0661,2,3,4"],
)
def test_another_text_is_no_region(text):
    with pytest.raises(ValueError, match="a region is left,top,width,height"):
        Region.parse(text)
