import numpy as np
import pytest

from hiir.datasets.synthetic_images import PICTURES, draw_picture
from hiir.datasets.synthetic_images.chart import draw_chart
from hiir.datasets.synthetic_images.halftone import draw_halftone
from hiir.datasets.synthetic_images.lines import draw_lines
from hiir.datasets.synthetic_images.screen import draw_screen
from hiir.datasets.synthetic_images.shapes import draw_gradient
from hiir.datasets.synthetic_images.stars import draw_stars
from hiir.datasets.synthetic_images.text import draw_text


def pictures(count: int = 90, draw=draw_picture, side: int = 64) -> list[np.ndarray]:
    return [draw(np.random.default_rng(seed), side) for seed in range(count)]


def colors(picture: np.ndarray) -> int:
    return len(np.unique(picture.reshape(-1, 3), axis=0))


def mean_luma(picture: np.ndarray) -> float:
    return float((picture @ np.array([0.299, 0.587, 0.114])).mean())


@pytest.mark.parametrize("draw", [draw_picture, *PICTURES], ids=lambda draw: draw.__name__)
@pytest.mark.parametrize("side", [8, 61, 64])
def test_pictures_have_the_asked_size_and_are_drawn_from_the_generator_alone(draw, side) -> None:
    for seed, picture in enumerate(pictures(12, draw, side)):
        assert (picture.shape, picture.dtype) == ((side, side, 3), np.uint8)
        np.testing.assert_array_equal(picture, draw(np.random.default_rng(seed), side))


@pytest.mark.parametrize("draw", PICTURES, ids=lambda draw: draw.__name__)
def test_no_two_pictures_of_a_kind_are_alike(draw) -> None:
    drawn = pictures(20, draw, 96)
    # Grays and the corners of the cube are few: flat colors may come again.
    assert len({picture.tobytes() for picture in drawn}) >= 14


def test_a_picture_of_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 pixels, not 7"):
        draw_picture(np.random.default_rng(0), 7)


def test_flat_colors_gradients_and_edges_all_occur() -> None:
    def largest_step(picture: np.ndarray) -> int:
        return int(np.abs(np.diff(picture.astype(int), axis=1)).max())

    steps = [largest_step(picture) for picture in pictures()]
    assert sum(step == 0 for step in steps) >= 6
    assert sum(0 < step <= 8 for step in steps) >= 5
    assert sum(step > 60 for step in steps) >= 30


@pytest.mark.parametrize("corner", [(255, 0, 0), (0, 255, 255), (0, 0, 0), (255, 255, 255)])
def test_saturated_colors_occur(corner: tuple[int, int, int]) -> None:
    assert any((picture == corner).all(axis=2).any() for picture in pictures(200))


@pytest.mark.parametrize("draw", [draw_lines, draw_text])
def test_ink_is_dark_on_light_and_light_on_dark_smooth_and_aliased(draw) -> None:
    drawn = pictures(60, draw, 96)
    ground = [np.median(picture.reshape(-1, 3), axis=0) for picture in drawn]
    # The ground covers most of a picture: ink moves the mean away from it.
    darker = [mean_luma(p) < mean_luma(g[None, None]) for p, g in zip(drawn, ground, strict=True)]
    assert 15 < sum(darker) < 45
    aliased = [colors(picture) <= 2 for picture in drawn]
    assert 10 < sum(aliased) < 50


def test_aliased_lines_are_a_pixel_wide() -> None:
    thin = 0
    for picture in pictures(40, draw_lines, 96):
        if colors(picture) != 2:
            continue
        ink = (picture != np.median(picture.reshape(-1, 3), axis=0)).any(axis=2)
        alone = ink[:, 1:-1] & ~ink[:, :-2] & ~ink[:, 2:]
        thin += bool(alone.sum() > 0.3 * ink.sum())
    assert thin >= 5


def test_text_is_as_small_as_on_screens() -> None:
    """Letters change from ground to ink every few pixels."""
    for picture in pictures(20, draw_text, 128):
        gray = picture.astype(int).sum(axis=2)
        edges = np.abs(np.diff(gray, axis=1)) > 60
        assert edges.sum(axis=1).max() >= 8


def test_half_tones_keep_the_tone() -> None:
    for seed in range(12):
        printed = draw_halftone(np.random.default_rng(seed), 128)
        tones = draw_gradient(np.random.default_rng(seed), 128)
        # Dots of a band that is wide against their pitch have its mean, dark and light ones alike.
        printed_gray, gray = (
            image.astype(float).mean(axis=2).reshape(2, 64, 2, 64).mean(axis=(1, 3))
            for image in (printed, tones)
        )
        np.testing.assert_allclose(printed_gray, gray, atol=35)
        assert np.isin(printed, (0, 255)).mean() > 0.25


def test_screens_have_flat_grounds_and_charts_have_axes() -> None:
    for picture in pictures(20, draw_chart, 128):
        ground = np.median(picture.reshape(-1, 3), axis=0)
        column = np.abs(picture[20:110, 17:22].astype(int) - ground).sum(axis=2).max(axis=1)
        assert (column > 30).mean() > 0.9
    flat = [
        (np.diff(picture.astype(int), axis=1) == 0).all(axis=2).mean()
        for picture in pictures(20, draw_screen, 128)
    ]
    assert np.median(flat) > 0.6


def test_stars_are_points_in_the_dark() -> None:
    bright = faint = 0
    for picture in pictures(20, draw_stars, 128):
        light = picture.astype(int).max(axis=2)
        assert np.median(light) < 100
        peaks = light[1:-1, 1:-1] > np.median(light) + 60
        bright += int((light == 255).sum())
        faint += int((light > np.median(light) + 20).sum())
        assert peaks.mean() < 0.1
    assert 20 < bright < 0.1 * faint
