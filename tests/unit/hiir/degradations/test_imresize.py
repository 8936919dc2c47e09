import numpy as np
import pytest

from hiir.degradations.imresize import imresize


def impulse(length: int, at: int) -> np.ndarray:
    line = np.zeros((1, length, 1), np.float32)
    line[0, at] = 1
    return line


def test_halving_weighs_eight_samples_as_the_stretched_cubic_kernel_does() -> None:
    # The kernel with a = -1/2 at distances 1/4, 3/4, 5/4 and 7/4, halved.
    expected = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256
    line = np.stack([impulse(24, at)[0] for at in range(7, 15)], axis=2).reshape(1, 24, 8)
    weights = imresize(np.repeat(line, 2, axis=0), 1 / 2, in_uint8=False)[0, 5]
    np.testing.assert_allclose(weights, expected, atol=1e-6)


def test_the_border_is_mirrored_with_the_outermost_sample_twice() -> None:
    # The first output sample reaches three samples beyond: they stand for the first three.
    weights = [
        imresize(np.repeat(impulse(24, at), 2, axis=0), 1 / 2, in_uint8=False)[0, 0, 0]
        for at in range(5)
    ]
    expected = np.array([111 + 29, 111 - 9, 29 - 3, -9, -3]) / 256
    np.testing.assert_allclose(weights, expected, atol=1e-6)


@pytest.mark.parametrize(("factor", "shape"), [(2, (7, 9)), (3, (10, 12)), (4, (9, 16))])
def test_sizes_are_rounded_up_and_constants_stay(factor: int, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 0.4, np.float32)
    reduced = imresize(image, 1 / factor)
    assert reduced.shape == (-(-shape[0] // factor), -(-shape[1] // factor), 3)
    np.testing.assert_allclose(reduced, 0.4, atol=1e-6)


def test_files_are_rounded_after_each_pass(photo) -> None:
    reduced = imresize(photo, 1 / 2)
    np.testing.assert_allclose(reduced * 255, np.rint(reduced * 255), atol=1e-4)
    exact = np.rint(np.clip(imresize(photo, 1 / 2, in_uint8=False), 0, 1) * 255)
    differing = np.abs(reduced * 255 - exact) > 0.5
    assert 0.02 < differing.mean() < 0.3
    assert np.abs(reduced * 255 - exact).max() < 2.01


def test_enlarging_undoes_reducing_of_a_smooth_image() -> None:
    rows, columns = np.mgrid[:48, :60] / 60
    smooth = (0.5 + 0.4 * np.sin(3 * rows) * np.cos(2 * columns)).astype(np.float32)[..., None]
    for factor in (2, 3):
        again = imresize(imresize(smooth, 1 / factor, in_uint8=False), factor)
        assert again.shape == smooth.shape
        assert np.abs(again - smooth).max() < 0.02
