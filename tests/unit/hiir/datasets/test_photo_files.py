from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.data import astronaut

from hiir.datasets.packed_images import DatasetError
from hiir.datasets.photo_files import (
    ColorMode,
    crop_to_multiple,
    is_gray,
    read_photo,
    to_gray,
    to_luma,
)


@pytest.fixture
def photo() -> np.ndarray:
    return np.ascontiguousarray(astronaut()[:40, 100:150])


def test_luma_is_matlabs(photo) -> None:
    np.testing.assert_array_equal(to_luma(photo)[..., 0], np.rint(rgb2ycbcr(photo)[..., 0]))
    white, black = np.full((1, 1, 3), 255, np.uint8), np.zeros((1, 1, 3), np.uint8)
    assert (to_luma(white), to_luma(black)) == (235, 16)


def test_gray_is_pillows_to_a_level(photo) -> None:
    expected = np.asarray(Image.fromarray(photo).convert("L")).astype(int)
    assert np.abs(to_gray(photo)[..., 0] - expected).max() <= 1
    assert to_gray(np.full((1, 1, 3), 255, np.uint8)) == 255


def test_a_file_is_read_as_what_is_asked_for(photo, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    np.testing.assert_array_equal(read_photo(path, ColorMode.RGB), photo)
    np.testing.assert_array_equal(read_photo(path, ColorMode.GRAY), to_gray(photo))
    np.testing.assert_array_equal(read_photo(path, ColorMode.LUMA), to_luma(photo))
    assert not is_gray(path)


def test_a_gray_file_is_its_own_luma(photo, tmp_path: Path) -> None:
    path = tmp_path / "gray.png"
    Image.fromarray(photo[..., 0]).save(path)
    assert is_gray(path)
    for color in (ColorMode.GRAY, ColorMode.LUMA):
        np.testing.assert_array_equal(read_photo(path, color)[..., 0], photo[..., 0])
    assert read_photo(path, ColorMode.RGB).shape == (40, 50, 3)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    for read in (lambda: read_photo(path, ColorMode.RGB), lambda: is_gray(path)):
        with pytest.raises(DatasetError, match=r"bad\.png cannot be decoded"):
            read()


def test_a_photo_is_cut_to_whole_pixels_of_its_reduction(photo) -> None:
    np.testing.assert_array_equal(crop_to_multiple(photo, 3), photo[:39, :48])
