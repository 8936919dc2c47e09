import io

import numpy as np
import pytest
from PIL import Image

from hiir.degradations.compression import ChromaSubsampling, compress_jpeg
from hiir.degradations.recipe import Recipe
from hiir.imaging import from_unit
from hiir.imaging.quantization import QuantizationTables, quantization_tables


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


def test_full_chroma_keeps_colors_that_halved_chroma_smears() -> None:
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
    with pytest.raises(ValueError, match=f"not {quality}"):
        compress_jpeg(photo, 50, chroma_quality=quality)


def test_chroma_halved_along_rows_keeps_colors_that_differ_by_row() -> None:
    rows = np.zeros((32, 32, 3), np.float32)
    rows[::2, :, 0] = 1
    halved = {"subsampling": ChromaSubsampling.HALVED_WIDTH}
    full = error(compress_jpeg(rows, 95, subsampling=ChromaSubsampling.FULL), rows)
    assert error(compress_jpeg(rows, 95, **halved), rows) == pytest.approx(full, rel=0.2)
    columns = rows.transpose(1, 0, 2)
    assert error(compress_jpeg(columns, 95, **halved), columns) > 5 * full


@pytest.mark.parametrize("quality", [5, 30, 50, 90, 100])
def test_standard_tables_are_those_that_libjpeg_writes(photo, quality: int) -> None:
    file = io.BytesIO()
    Image.fromarray(from_unit(photo, np.uint8)).save(file, "JPEG", quality=quality)
    written = Image.open(file).quantization
    tables = quantization_tables(
        QuantizationTables.STANDARD, quality=quality, chroma_quality=quality
    )
    assert [list(written[0]), list(written[1])] == tables


def test_other_tables_lose_other_frequencies(photo) -> None:
    def lost(tables: QuantizationTables) -> np.ndarray:
        difference = (compress_jpeg(photo, 40, tables=tables) - photo).mean(axis=2)
        power = np.abs(np.fft.rfft2(difference)) ** 2
        return np.array([power[:8, :8].sum(), power[40:56, 40:56].sum()])

    standard = lost(QuantizationTables.STANDARD)
    # A flat table is finer at high frequencies.
    assert lost(QuantizationTables.FLAT)[1] < 0.9 * standard[1]
    results = [compress_jpeg(photo, 40, tables=tables) for tables in QuantizationTables]
    for index, result in enumerate(results):
        assert all(error(result, other) > 1e-5 for other in results[:index])


def test_color_may_be_compressed_harder_than_luma(photo) -> None:
    def errors(chroma_quality: int) -> tuple[float, float]:
        difference = compress_jpeg(photo, 80, chroma_quality=chroma_quality) - photo
        luma = difference @ np.array([0.299, 0.587, 0.114])
        return float(np.std(luma)), float(np.std(difference[..., 2] - luma))

    alike, hard = errors(80), errors(10)
    assert hard[0] == pytest.approx(alike[0], rel=0.1)
    assert hard[1] > 1.5 * alike[1]


def blockiness(image: np.ndarray) -> np.ndarray:
    """Mean step between columns, for each of the eight places that a grid may have."""
    steps = np.abs(np.diff(image.mean(axis=2), axis=1))
    return np.array([steps[:, start::8].mean() for start in range(8)]) / steps.mean()


def test_a_file_that_is_compressed_twice_has_two_grids(photo) -> None:
    jpeg = {"kind": "jpeg", "quality": 8}
    twice = Recipe.model_validate([{"kind": "jpeg", "quality": 4}, {"kind": "jpeg", "quality": 60}])
    once = Recipe.model_validate([jpeg])
    places = [int(blockiness(once.degrade(photo, seed=0, index=i)).argmax()) for i in range(24)]
    assert len(set(places)) >= 5
    # The first grid stays visible, and moves from image to image as well; the second one is fine.
    first = [int(blockiness(twice.degrade(photo, seed=0, index=i)).argmax()) for i in range(24)]
    assert len(set(first)) >= 5


def test_the_two_grids_of_a_file_are_drawn_apart(photo, monkeypatch) -> None:
    phases = []

    def record(image, quality, *, phase, **_):
        phases.append(phase)
        return image

    monkeypatch.setattr("hiir.degradations.steps.compression.compress_jpeg", record)
    recipe = Recipe.model_validate([{"kind": "jpeg", "quality": 50}] * 2)
    for index in range(32):
        recipe.degrade(photo, seed=0, index=index)
    assert sum(a != b for a, b in zip(phases[::2], phases[1::2], strict=True)) >= 28


def test_a_recipe_draws_subsampling_tables_and_the_quality_of_color(photo, monkeypatch) -> None:
    drawn = []

    def record(image, quality, *, phase, **options):
        drawn.append((quality, *options.values()))
        return image

    monkeypatch.setattr("hiir.degradations.steps.compression.compress_jpeg", record)
    step = {
        "kind": "jpeg",
        "quality": [10, 95],
        "subsampling": {"4:2:0": 4, "4:2:2": 1, "4:4:4": 1},
        "tables": {"standard": 1, "mozjpeg": 1},
        "chroma_offset": [-20, 10],
    }
    for index in range(300):
        Recipe.model_validate([step]).degrade(photo, seed=0, index=index)
    subsampling = [s for _, s, _, _ in drawn]
    assert 0.58 < subsampling.count("4:2:0") / 300 < 0.75
    assert {s for _, s, _, _ in drawn} == {"4:2:0", "4:2:2", "4:4:4"}
    assert {t for _, _, t, _ in drawn} == {"standard", "mozjpeg"}
    offsets = [chroma - quality for quality, _, _, chroma in drawn]
    assert (min(offsets), max(offsets)) == (-20, 10)
    assert all(1 <= chroma <= 100 for *_, chroma in drawn)
