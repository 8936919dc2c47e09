import numpy as np
import pytest

from hiir.degradations.motion import (
    blur_by_trajectory,
    draw_trajectory,
    expose_frames,
    trajectory_kernel,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("length", [3.0, 20.0, 45.0])
def test_a_path_has_its_length_and_is_centered(length: float) -> None:
    for seed in range(10):
        path = draw_trajectory(rng(seed), length=length, jitter=0.5)
        steps = np.hypot(*np.diff(path, axis=0).T)
        assert steps.sum() == pytest.approx(length, rel=0.01)
        np.testing.assert_allclose(path.mean(axis=0), 0, atol=1e-9)


def span(jitter: float, seed: int) -> float:
    path = draw_trajectory(rng(seed), length=1.0, jitter=jitter)
    return float(np.hypot(*(path[-1] - path[0])))


def test_a_restless_hand_draws_paths_that_curl_and_a_calm_one_straight_lines() -> None:
    assert max(span(0.5, seed) for seed in range(20)) < 0.5
    assert min(span(0.05, seed) for seed in range(20)) > 0.5
    assert span(0.0, seed=0) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("frames", "ahead"), [(8, 1 / 16), (7, 0)])
def test_of_averaged_frames_the_one_after_the_middle_is_sharp(frames: int, ahead: float) -> None:
    straight = np.linspace((0.0, 0.0), (0.0, 56.0), 56 * 32, endpoint=False)
    seen = expose_frames(straight, frames=frames, shutter=1.0)
    assert len(seen) == len(straight)
    assert seen[:, 1].mean() == pytest.approx(-ahead * 56, abs=0.02)


def test_a_fast_shutter_leaves_gaps_between_the_frames() -> None:
    straight = np.linspace((0.0, 0.0), (0.0, 40.0), 400)
    seen = expose_frames(straight, frames=4, shutter=0.25)
    assert len(seen) == 100
    gaps = np.diff(seen[:, 1])
    assert np.count_nonzero(gaps > 7) == 3
    assert seen[50:75, 1].mean() == pytest.approx(0)


def test_a_kernel_places_its_weight_below_the_pixel() -> None:
    kernel = trajectory_kernel(np.array([[0.25, -0.5]]))
    center = kernel.shape[0] // 2
    assert kernel.sum() == pytest.approx(1)
    assert kernel[center, center] == pytest.approx(0.75 * 0.5)
    assert kernel[center + 1, center - 1] == pytest.approx(0.25 * 0.5)
    rows, columns = np.mgrid[: len(kernel), : len(kernel)] - center
    assert (kernel * rows).sum() == pytest.approx(0.25)
    assert (kernel * columns).sum() == pytest.approx(-0.5)


def test_a_camera_that_holds_still_changes_nothing(photo) -> None:
    np.testing.assert_allclose(blur_by_trajectory(photo, np.zeros((5, 2))), photo, atol=1e-5)


def test_a_move_by_whole_pixels_averages_shifted_images(photo) -> None:
    path = np.array([[0.0, -1.0], [0.0, 1.0]])
    blurred = blur_by_trajectory(photo, path, gamma=1)
    expected = (photo[:, :-2] + photo[:, 2:]) / 2
    np.testing.assert_allclose(blurred[:, 1:-1], expected, atol=1e-5)
