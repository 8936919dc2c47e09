import io

import numpy as np
import pytest
from PIL import Image

from hiir.degradations.compression import ChromaSubsampling, compress_jpeg
from hiir.imaging import from_unit


def error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean((a - b) ** 2))


def test_the_image_is_what_libjpeg_makes_of_it(photo) -> None:
    file = io.BytesIO()
    Image.fromarray(from_unit(photo, np.uint8)).save(file, "JPEG", quality=30, subsampling="4:2:0")
    expected = np.asarray(Image.open(file))
    np.testing.assert_array_equal(from_unit(compress_jpeg(photo, 30), np.uint8), expected)


def test_lower_quality_is_worse(photo) -> None:
    errors = [error(compress_jpeg(photo, q), photo) for q in (10, 20, 40, 90)]
    assert errors == sorted(errors, reverse=True)


def test_full_chroma_keeps_colours_that_halved_chroma_smears() -> None:
    stripes = np.zeros((32, 32, 3), np.float32)
    stripes[:, ::2, 0] = 1
    full = compress_jpeg(stripes, 95, subsampling=ChromaSubsampling.FULL)
    assert error(full, stripes) < 0.1 * error(compress_jpeg(stripes, 95), stripes)


def test_gray_stays_gray(photo) -> None:
    gray = photo.mean(axis=2, keepdims=True)
    assert compress_jpeg(gray, 20).shape == gray.shape


def test_the_phase_moves_the_grid_of_blocks(photo) -> None:
    plain, moved = compress_jpeg(photo, 5), compress_jpeg(photo, 5, phase=(3, 5))
    assert plain.shape == moved.shape == photo.shape

    def edges(image: np.ndarray, start: int) -> float:
        steps = np.abs(np.diff(image.mean(axis=2), axis=1))
        return float(steps[:, start::8].mean() / steps.mean())

    assert edges(plain, 7) > 1.1 * edges(moved, 7)
    assert edges(moved, 2) > 1.1 * edges(plain, 2)


@pytest.mark.parametrize("quality", [0, 101])
def test_a_quality_that_is_none_is_refused(photo, quality: int) -> None:
    with pytest.raises(ValueError, match=f"not {quality}"):
        compress_jpeg(photo, quality)
