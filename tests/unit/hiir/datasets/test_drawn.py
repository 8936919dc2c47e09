import numpy as np
import pytest

from hiir.datasets.drawn import draw_picture


def pictures(count: int = 60) -> list[np.ndarray]:
    return [draw_picture(np.random.default_rng(seed), 64) for seed in range(count)]


def test_pictures_have_the_asked_size_and_are_drawn_from_the_generator_alone() -> None:
    for seed, picture in enumerate(pictures()):
        assert (picture.shape, picture.dtype) == ((64, 64, 3), np.uint8)
        np.testing.assert_array_equal(picture, draw_picture(np.random.default_rng(seed), 64))


def test_flat_colours_gradients_and_edges_all_occur() -> None:
    def largest_step(picture: np.ndarray) -> int:
        return int(np.abs(np.diff(picture.astype(int), axis=1)).max())

    steps = [largest_step(picture) for picture in pictures()]
    assert sum(step == 0 for step in steps) >= 10
    assert sum(0 < step <= 6 for step in steps) >= 5
    assert sum(step > 60 for step in steps) >= 10


@pytest.mark.parametrize("corner", [(255, 0, 0), (0, 255, 255), (0, 0, 0), (255, 255, 255)])
def test_saturated_colours_occur(corner: tuple[int, int, int]) -> None:
    assert any((picture == corner).all(axis=2).any() for picture in pictures(200))
