from collections.abc import Callable

import numpy as np
import pytest

from hiir.imaging.analysis.photo_analysis import Suggestion
from tests.unit.hiir.imaging.analysis.pictures import (
    analyzed,
    blurred,
    clean_photos,
    decoded,
    gradients,
    jpeg,
    noisy,
    screenshots,
    stars,
    weave,
)

JPEG, NOISE = Suggestion.JPEG_ARTIFACTS, Suggestion.DENOISE
Picture = np.ndarray | bytes
PHOTOS = clean_photos()
UNTOUCHED = {
    **PHOTOS,
    **screenshots(),
    "gradients": gradients(),
    "stars": stars(),
    "weave": weave(),
}
DAMAGES: dict[str, tuple[Callable[[np.ndarray], Picture], set[Suggestion]]] = {
    "sigma 10": (lambda photo: noisy(photo, 10), {NOISE}),
    "sigma 25": (lambda photo: noisy(photo, 25), {NOISE}),
    "sigma 50": (lambda photo: noisy(photo, 50), {NOISE}),
    "quality 10": (lambda photo: jpeg(photo, 10), {JPEG}),
    "quality 30": (lambda photo: jpeg(photo, 30), {JPEG}),
    "quality 60": (lambda photo: jpeg(photo, 60), {JPEG}),
    "sigma 25, quality 30": (lambda photo: jpeg(noisy(photo, 25), 30), {JPEG, NOISE}),
    "sigma 25, quality 60": (lambda photo: jpeg(noisy(photo, 25), 60), {JPEG, NOISE}),
    "blurred": (lambda photo: blurred(photo, 2), set()),
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_nothing_is_suggested_for_what_is_fine(name: str) -> None:
    assert analyzed(UNTOUCHED[name]).suggestions == ()


@pytest.mark.parametrize("name", PHOTOS)
def test_nothing_is_suggested_for_a_jpeg_of_high_quality(name: str) -> None:
    assert analyzed(jpeg(PHOTOS[name], 92)).suggestions == ()


def test_suggestions_are_right_or_none() -> None:
    outcomes = {
        f"{damage}, {name}": (set(analyzed(apply(photo)).suggestions), wanted)
        for damage, (apply, wanted) in DAMAGES.items()
        for name, photo in PHOTOS.items()
    }
    wrong = {name for name, (found, wanted) in outcomes.items() if not found <= wanted}
    exact = {name for name, (found, wanted) in outcomes.items() if found == wanted}
    assert len(wrong) <= 0.05 * len(outcomes), wrong
    assert len(exact) >= 0.8 * len(outcomes), sorted(set(outcomes) - exact)


def test_compression_comes_before_noise() -> None:
    found = analyzed(jpeg(noisy(PHOTOS["chelsea"], 25), 60))
    assert found.suggestions == (JPEG, NOISE)
    assert 0.5 <= found.confidence <= 1


def test_blocks_are_found_in_a_file_without_tables() -> None:
    saved_again = decoded(jpeg(PHOTOS["astronaut"], 20))
    found = analyzed(saved_again)
    assert found.jpeg_quality is None
    assert found.suggestions == (JPEG,)
    assert analyzed(jpeg(saved_again, 95)).suggestions == (JPEG,)


def test_blocks_are_found_when_the_photo_was_cropped() -> None:
    cropped = decoded(jpeg(PHOTOS["astronaut"], 10))[3:, 5:]
    assert analyzed(cropped).suggestions == (JPEG,)


def test_blur_is_a_hint_alone() -> None:
    sharp, soft = PHOTOS["coffee"], blurred(PHOTOS["coffee"], 3)
    assert not analyzed(sharp).may_be_blurred
    assert analyzed(soft).may_be_blurred
    assert analyzed(soft).suggestions == ()


def test_a_gray_photo_is_analyzed() -> None:
    gray = PHOTOS["chelsea"].mean(axis=2, keepdims=True).round().astype(np.uint8)
    assert analyzed(gray).suggestions == ()
    assert analyzed(noisy(gray, 25)).suggestions == (NOISE,)


def test_sixteen_bits_give_what_eight_do() -> None:
    photo = noisy(PHOTOS["coffee"], 25)
    deep = analyzed(photo.astype(np.uint16) * 257)
    assert deep.noise.value == pytest.approx(analyzed(photo).noise.value, rel=1e-3)
    assert deep.suggestions == (NOISE,)


@pytest.mark.parametrize("side", [1, 7, 16])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_the_smallest_and_flattest_pictures_are_left_alone(side: int, level: int) -> None:
    found = analyzed(np.full((side, side, 3), level, np.uint8))
    assert found.suggestions == ()
    assert (found.noise.value, found.blur.confidence) == (0, 0)
    assert 0 <= found.confidence <= 1


def test_a_large_photo_is_measured_by_strips() -> None:
    class Rows:
        shape, dtype = (20_000, 900, 3), np.dtype(np.uint8)
        read = 0

        def __getitem__(self, rows: slice) -> np.ndarray:
            top, bottom, _ = rows.indices(20_000)
            self.read += bottom - top
            assert top % 8 == 0
            noise = np.random.default_rng(top).normal(120, 25, (bottom - top, 900, 3))
            return noise.clip(0, 255).round().astype(np.uint8)

    rows = Rows()
    assert analyzed(rows).noise.value == pytest.approx(25, rel=0.1)  # type: ignore[arg-type]
    assert rows.read * 900 < 2_100_000
