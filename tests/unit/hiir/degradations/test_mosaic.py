import numpy as np
import pytest

from hiir.degradations.mosaic import mosaic
from hiir.imaging import BayerPattern, demosaic_malvar


@pytest.mark.parametrize("pattern", BayerPattern)
def test_a_mosaic_keeps_the_colors_of_its_pattern(photo, pattern: BayerPattern) -> None:
    raw = mosaic(photo, pattern)
    assert raw.shape == (*photo.shape[:2], 1)
    for place, color in enumerate(pattern.value):
        row, column = divmod(place, 2)
        expected = photo[row::2, column::2, "rgb".index(color)]
        np.testing.assert_array_equal(raw[row::2, column::2, 0], expected)


@pytest.mark.parametrize("pattern", BayerPattern)
def test_what_was_sampled_stays_and_planes_are_filled_in_exactly(pattern: BayerPattern) -> None:
    rows, columns = np.mgrid[:20, :24]
    plane = (0.2 + 0.01 * rows + 0.015 * columns).astype(np.float32)
    image = np.stack([plane, plane, plane], axis=2)
    full = demosaic_malvar(mosaic(image, pattern), pattern)
    np.testing.assert_allclose(full[2:-2, 2:-2], image[2:-2, 2:-2], atol=1e-6)


def test_an_impulse_spreads_by_the_published_weights() -> None:
    raw = np.full((11, 11, 1), 0.5, np.float32)
    raw[4, 4] += 0.08  # a red pixel of RGGB
    spread = (demosaic_malvar(raw, BayerPattern.RGGB) - 0.5) * 100
    # Eighths of 8: green at red 4, at its neighbors of the same color -1 (four, two apart).
    assert spread[4, 4, 1] == pytest.approx(4, abs=1e-3)
    assert spread[4, 6, 1] == spread[2, 4, 1] == pytest.approx(-1, abs=1e-3)
    assert spread[4, 4, 2] == pytest.approx(6, abs=1e-3)  # blue at red
    assert spread[4, 6, 2] == pytest.approx(-1.5, abs=1e-3)
    assert spread[4, 5, 0] == pytest.approx(4, abs=1e-3)  # red at green in the row of red
    assert spread[5, 4, 0] == pytest.approx(4, abs=1e-3)  # red at green in its column
    assert spread[5, 5, 0] == pytest.approx(2, abs=1e-3)  # red at blue


def test_patterns_are_each_others_mirror_images(photo) -> None:
    even = photo[:, :118]
    plain = demosaic_malvar(mosaic(even, BayerPattern.RGGB), BayerPattern.RGGB)
    mirrored = np.ascontiguousarray(even[:, ::-1])
    other = demosaic_malvar(mosaic(mirrored, BayerPattern.GRBG), BayerPattern.GRBG)
    np.testing.assert_allclose(other[:, ::-1], plain, atol=1e-6)


def test_a_photo_comes_back_nearly(photo) -> None:
    full = demosaic_malvar(mosaic(photo, BayerPattern.GBRG), BayerPattern.GBRG)
    assert 10 * np.log10(1 / np.mean((full - photo) ** 2)) > 28
    assert full.min() >= 0
    assert full.max() <= 1
