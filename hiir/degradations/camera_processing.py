"""Camera processing between development and the file: light denoising and sharpening."""

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
    """Remove a part of the noise, more of it in color differences than in luma.

    Luma is cored: a difference from the surroundings below ``sigma`` is damped, a larger one stays.
    The remaining noise is coarse, as in photos from cameras.

    Args:
        image: ``(H, W, 1 or 3)`` float32 [0, 1].
        sigma: standard deviation of the noise to remove, on the scale of 255.
        strength: maximum share of the luma noise that is removed, 0 to 1.
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
    """Sharpen with an unsharp mask.

    Args:
        image: ``(H, W, C)`` float32 [0, 1].
        radius: standard deviation in pixels of the Gaussian blur.
        amount: factor on the difference between the image and its blurred version.

    Returns:
        ``(H, W, C)`` float32, not clipped.
    """
    blurred = gaussian_blur(image, radius)
    return np.asarray(image + np.float32(amount) * (image - blurred), np.float32)
