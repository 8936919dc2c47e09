"""Correlated noise: neighboring pixels share a part of it, and color has its own strength."""

import numpy as np
import numpy.typing as npt

from hiir.degradations.convolution import gaussian_blur, gaussian_weights
from hiir.imaging import FloatPixels

__all__ = ["add_correlated_noise", "add_film_grain"]

# Orthonormal: lightness, and two opponent color axes.
_OPPONENT = np.array(
    [[3**-0.5] * 3, [2**-0.5, -(2**-0.5), 0.0], [6**-0.5, 6**-0.5, -2 * 6**-0.5]], np.float32
)


def add_correlated_noise(
    image: FloatPixels,
    random: np.random.Generator,
    *,
    sigma: float,
    radius: float,
    chroma: float = 1.0,
    chroma_radius: float | None = None,
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> FloatPixels:
    """Add Gaussian noise that is low-pass filtered, with a separate strength in color.

    Args:
        image: ``(H, W, 1 or 3)`` float32 [0, 1].
        random: generator that the noise is drawn from.
        sigma: standard deviation over all samples on the scale of 255.
        radius: standard deviation in pixels of the filter; 0 for white noise.
        chroma: standard deviation along each of two color axes relative to that of lightness; 0
            gives gray noise, 1 independent channels if both radii are equal.
        chroma_radius: standard deviation in pixels of the filter for color; ``radius`` by default.
        balance: relative standard deviations of red, green and blue.

    Returns:
        ``(H, W, C)`` float32, neither rounded nor clipped.
    """
    field = _grain(image.shape, random, radius, radius if chroma_radius is None else chroma_radius)
    if image.shape[2] == 3:
        spread = np.array([1, chroma, chroma], np.float32)
        gains = np.array(balance, np.float32)
        gains /= np.sqrt(np.mean(gains**2))
        # Each opponent axis is a unit vector: the mean variance of a channel is that of the axes.
        field = (field * (spread / np.sqrt(np.mean(spread**2)))) @ _OPPONENT * gains
    return np.asarray(image + np.float32(sigma / 255) * field, np.float32)


def add_film_grain(
    image: FloatPixels,
    random: np.random.Generator,
    *,
    sigma: float,
    radius: float,
    chroma: float = 0.0,
) -> FloatPixels:
    """Add film grain: strongest in the middle tones, zero in black and in white.

    If grains cover a share u of the film, the variance is proportional to ``u (1 - u)`` (Newson et
    al., "A Stochastic Film Grain Model for Resolution-Independent Rendering", 2017).

    Args:
        image: ``(H, W, 1 or 3)`` float32 [0, 1].
        random: generator that the grain is drawn from.
        sigma: standard deviation in middle gray on the scale of 255.
        radius: standard deviation in pixels of the low-pass filter.
        chroma: relative strength in color, as in `add_correlated_noise`; 0 for black-and-white
            film.

    Returns:
        ``(H, W, C)`` float32, neither rounded nor clipped.
    """
    grain = add_correlated_noise(
        np.zeros_like(image), random, sigma=sigma, radius=radius, chroma=chroma
    )
    level = np.clip(gaussian_blur(image.mean(axis=2, keepdims=True), 1.0), 0, 1)
    return np.asarray(image + 2 * np.sqrt(level * (1 - level)) * grain, np.float32)


def _grain(
    shape: tuple[int, ...], random: np.random.Generator, radius: float, chroma_radius: float
) -> npt.NDArray[np.float32]:
    """Filtered noise of unit deviation: lightness and, for color images, two color axes."""
    white = random.standard_normal(shape, np.float32)
    planes = [_filtered(white[..., :1], radius)]
    if shape[2] == 3:
        planes.append(_filtered(white[..., 1:], chroma_radius))
    return np.concatenate(planes, axis=2)


def _filtered(white: npt.NDArray[np.float32], radius: float) -> npt.NDArray[np.float32]:
    if radius == 0:
        return white
    # A filter multiplies the variance of white noise by the sum of its squared weights, per pass.
    left = np.float32(np.sum(gaussian_weights(radius) ** 2))
    return np.asarray(gaussian_blur(white, radius) / left, np.float32)
