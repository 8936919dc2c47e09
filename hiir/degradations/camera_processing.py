"""What cameras do to a developed photo before they store it: light denoising, sharpening."""

import numpy as np

from hiir.degradations.convolution import gaussian_blur
from hiir.imaging import FloatPixels

__all__ = ["sharpen", "smooth_noise"]

# ITU-R BT.601: luma and two color differences, which sum to 0 for a gray.
_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
_FROM_YCC = np.linalg.inv(_TO_YCC)


def smooth_noise(
    image: FloatPixels,
    *,
    sigma: float,
    strength: float,
    radius: float = 1.0,
    chroma_radius: float = 1.5,
) -> FloatPixels:
    """Remove a part of the noise, of color differences more than of luma.

    Luma is cored: what differs from its surroundings by less than ``sigma`` is damped, what differs
    by more stays. The noise that is left is coarse, as in the photos of cameras.

    Args:
        image: ``(H, W, 1 or 3)`` float32 [0, 1].
        sigma: standard deviation of what is taken for noise, on the scale of 255.
        strength: share of the noise in luma that is removed at most, 0 to 1.
        radius: standard deviation in pixels of the blur of luma.
        chroma_radius: standard deviation in pixels of the blur of the color differences.

    Returns:
        ``(H, W, C)`` float32, not clipped.
    """
    values = image @ _TO_YCC.T if image.shape[2] == 3 else image
    luma = values[..., :1]
    low = gaussian_blur(luma, radius)
    detail = luma - low
    noise = np.float32(max(sigma, 1e-3) / 255)
    damped = low + detail * (1 - np.float32(strength) * np.exp(-0.5 * (detail / noise) ** 2))
    if image.shape[2] == 1:
        return np.asarray(damped, np.float32)
    chroma = gaussian_blur(values[..., 1:], chroma_radius)
    return np.asarray(np.concatenate([damped, chroma], axis=2) @ _FROM_YCC.T, np.float32)


def sharpen(image: FloatPixels, *, radius: float, amount: float) -> FloatPixels:
    """Unsharp masking: add ``amount`` times what a blur of ``radius`` pixels takes away.

    ``(H, W, C)`` float32 [0, 1] to the same, not clipped.
    """
    blurred = gaussian_blur(image, radius)
    return np.asarray(image + np.float32(amount) * (image - blurred), np.float32)
