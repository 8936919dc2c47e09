import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiir.imaging import BayerPattern, demosaic_malvar, to_unit
from hiir.imaging.bayer import DemosaickedRows


@given(
    height=st.integers(3, 40),
    pattern=st.sampled_from(BayerPattern),
    bounds=st.tuples(st.integers(0, 40), st.integers(1, 40)),
    dtype=st.sampled_from([np.uint8, np.uint16]),
)
def test_rows_are_those_of_the_whole_mosaic(height, pattern, bounds, dtype):
    generator = np.random.default_rng(height)
    mosaic = generator.integers(0, np.iinfo(dtype).max, (height, 11, 1), dtype, endpoint=True)
    whole = demosaic_malvar(to_unit(mosaic), pattern)
    rows = slice(bounds[0], bounds[0] + bounds[1])
    part = DemosaickedRows(mosaic, pattern)[rows]
    if len(whole[rows]):
        np.testing.assert_array_equal(part, whole[rows])
    else:
        assert part.shape[0] == 0


@pytest.mark.parametrize("pattern", BayerPattern)
def test_rows_have_the_shape_of_a_photo(pattern):
    rows = DemosaickedRows(np.zeros((16, 20, 1), np.uint8), pattern)
    assert (rows.shape, rows.dtype) == ((16, 20, 3), np.float32)
