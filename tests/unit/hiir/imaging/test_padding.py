import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hiir.imaging import pad_to


@given(height=st.integers(1, 20), width=st.integers(1, 20), tile=st.integers(1, 24))
def test_the_image_stays_at_the_origin_of_a_large_enough_one(height, width, tile):
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    padded = pad_to(image, tile, tile)
    assert padded.shape == (max(height, tile), max(width, tile), 3)
    assert padded.dtype == np.uint8
    assert np.array_equal(padded[:height, :width], image)


def test_an_image_of_tile_size_is_not_copied(make_pixels):
    image = make_pixels(8, 9)
    assert pad_to(image, 8, 8) is image


def test_padding_reflects_again_where_the_side_is_short():
    image = np.array([10, 20, 30], np.uint8).reshape(1, 3, 1)
    assert pad_to(image, 8, 8)[4, :, 0].tolist() == [10, 20, 30, 20, 10, 20, 30, 20]
