import numpy as np
import pytest
from skimage.measure import blur_effect

from hiir.imaging import probe
from hiir.imaging.analysis.blockiness import measure_blockiness
from hiir.imaging.analysis.blur import measure_blur
from hiir.imaging.analysis.drawing import measure_drawing
from hiir.imaging.analysis.jpeg_quality import read_jpeg_quality
from hiir.imaging.analysis.measurement import ramp
from hiir.imaging.analysis.noise import measure_noise
from hiir.imaging.quantization import QuantizationTables, quantization_tables
from tests.unit.hiir.imaging.analysis.pictures import blurred, clean_photos, decoded, jpeg, noisy

PHOTOS = clean_photos()


def unit(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.float32) / 255


@pytest.mark.parametrize("quality", [1, 5, 10, 30, 49, 50, 51, 60, 75, 90, 100])
def test_the_quality_of_a_jpeg_is_read_from_its_table(quality: int) -> None:
    found = read_jpeg_quality(probe(jpeg(PHOTOS["coffee"], quality)).luma_steps)
    assert (found.value, found.confidence) == (quality, 1)


def test_other_tables_give_the_nearest_quality_with_less_confidence() -> None:
    ((luma, _), (flat, _)) = (
        quantization_tables(QuantizationTables.STANDARD, quality=40, chroma_quality=40),
        quantization_tables(QuantizationTables.FLAT, quality=40, chroma_quality=40),
    )
    changed = [max(step + (-1) ** place, 1) for place, step in enumerate(luma)]
    assert read_jpeg_quality(changed).value == pytest.approx(40, abs=2)
    assert 0.8 < read_jpeg_quality(changed).confidence < 1
    assert read_jpeg_quality(flat).confidence < 0.3


def test_formats_other_than_jpeg_have_no_table(tmp_path) -> None:
    from PIL import Image

    Image.fromarray(PHOTOS["coffee"]).save(tmp_path / "photo.webp")
    assert probe((tmp_path / "photo.webp").read_bytes()).luma_steps == ()


@pytest.mark.parametrize("name", PHOTOS)
def test_blockiness_falls_with_quality(name: str) -> None:
    ratios = [
        measure_blockiness([unit(decoded(jpeg(PHOTOS[name], quality)))]).value
        for quality in (10, 30, 60)
    ]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 1.5
    assert measure_blockiness([unit(PHOTOS[name])]).value == pytest.approx(1, abs=0.15)


def test_one_edge_on_the_grid_is_no_block() -> None:
    window = noisy(np.full((128, 128, 3), 90), 3)
    window[64:, 64:] += 100
    assert measure_blockiness([unit(window)]).value == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("sigma", [0, 1, 2, 4])
@pytest.mark.parametrize("name", PHOTOS)
def test_blur_is_that_of_scikit_image(name: str, sigma: float) -> None:
    picture = unit(blurred(PHOTOS[name], sigma) if sigma else PHOTOS[name])
    wanted = blur_effect(picture.mean(axis=2))
    assert measure_blur([picture]).value == pytest.approx(wanted, abs=0.03)


def test_few_colors_make_a_drawing() -> None:
    checks = np.kron(np.indices((16, 16)).sum(0) % 2, np.ones((8, 8)))[..., None]
    assert measure_drawing([checks.astype(np.float32)]).confidence == 1
    assert measure_drawing([unit(PHOTOS["coffee"])]).confidence == 0


@pytest.mark.parametrize("sigma", [10, 25, 50])
def test_noise_is_measured_with_confidence(sigma: float) -> None:
    found = measure_noise(unit(noisy(PHOTOS["coffee"], sigma)), compressed=False)
    assert found.value == pytest.approx(sigma, rel=0.15)
    assert found.confidence > 0.8


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (1, 0), (2, 0.5), (3, 1), (9, 1)])
def test_a_ramp_rises_between_its_ends(value: float, expected: float) -> None:
    assert ramp(value, low=1, high=3) == expected
