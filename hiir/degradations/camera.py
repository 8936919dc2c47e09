"""A model of a camera's processing, from sensor values to a file and back.

It gives sensor noise the color and grain that it has in real photos. After Brooks et al.,
"Unprocessing Images for Learned Raw Denoising" (2019), sections 3.1 to 3.6. The color matrices are
those of the four cameras of the Darmstadt Noise Dataset, which the paper mixes.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from hiir.degradations.mosaic import mosaic
from hiir.imaging import BayerPattern, FloatPixels, demosaic_malvar

__all__ = [
    "Development",
    "Sensor",
    "draw_development",
    "draw_sensor_noise",
    "expose",
    "linear_from_file",
]

_GAMMA = 2.2
_INFLECTION = np.float32(0.9)  # linear gray level above which highlights are preserved

_XYZ_TO_CAMERA = np.array(
    [
        [[1.0234, -0.2969, -0.2266], [-0.5625, 1.6328, -0.0469], [-0.0703, 0.2188, 0.6406]],
        [[0.4913, -0.0541, -0.0202], [-0.6130, 1.3513, 0.2906], [-0.1564, 0.2151, 0.7183]],
        [[0.8380, -0.2630, -0.0639], [-0.2887, 1.0725, 0.2496], [-0.0627, 0.1427, 0.5438]],
        [[0.6596, -0.2079, -0.0562], [-0.4782, 1.3016, 0.1933], [-0.0970, 0.1581, 0.5181]],
    ]
)
_SRGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


class Sensor(StrEnum):
    """The sensor whose relation between shot noise and read noise is used."""

    CAMERA = "camera"
    """Large sensors (Brooks et al., figure 3: the Darmstadt Noise Dataset)."""
    PHONE = "phone"
    """Small sensors (the Smartphone Image Denoising Dataset, Abdelhamed et al., 2018)."""

    @property
    def shot_range(self) -> tuple[float, float]:
        """The minimum and maximum shot noise of the sensor's photos, for samples in [0, 1]."""
        return (1e-4, 0.012) if self is Sensor.CAMERA else (7e-4, 0.022)


@dataclass(frozen=True, slots=True, kw_only=True)
class Development:
    """The processing that a camera applies to the sensor values of one photo."""

    to_camera: npt.NDArray[np.float32]
    """``(3, 3)`` matrix from linear sRGB to the colors of the sensor; each row sums to 1."""
    gains: npt.NDArray[np.float32]
    """``(3,)`` gains of white balance and brightness for red, green and blue; above 0."""

    def apply(self, linear: FloatPixels) -> FloatPixels:
        """Develop sensor colors ``(H, W, 3)`` float32 [0, 1] into sRGB [0, 1], not rounded."""
        balanced = np.minimum(linear * self.gains, np.float32(1))
        return _develop(balanced, np.linalg.inv(self.to_camera))


def draw_development(random: np.random.Generator) -> Development:
    """Draw a mix of four cameras and the gains of one photo (Brooks et al., sections 3.2, 3.3)."""
    shares = random.random(len(_XYZ_TO_CAMERA))
    matrix = np.tensordot(shares / shares.sum(), _XYZ_TO_CAMERA, axes=1) @ _SRGB_TO_XYZ
    matrix /= matrix.sum(axis=1, keepdims=True)
    # Half to double brightness: a normal draw has no bounds, and a division needs some.
    brightness = 1 / np.clip(random.normal(0.8, 0.1), 0.5, 2)
    gains = brightness * np.array([random.uniform(1.9, 2.4), 1, random.uniform(1.5, 1.9)])
    return Development(to_camera=matrix.astype(np.float32), gains=gains.astype(np.float32))


def draw_sensor_noise(
    random: np.random.Generator, sensor: Sensor, *, shot: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Draw shot and read noise: the variance of a sample x in [0, 1] is ``shot * x + read``.

    Args:
        random: generator that both are drawn from.
        sensor: the sensor whose regression line relates them: ``ln read = 2.18 ln shot + 1.20``,
            standard deviation 0.26, or ``log10 read = 1.85 log10 shot + 0.30``,  standard deviation
            0.20.
        shot: range of the shot noise, drawn uniformly in its logarithm; by default the sensor's own
            range.

    Returns:
        Shot noise and read noise.
    """
    low, high = shot or sensor.shot_range
    level = random.uniform(np.log(low), np.log(high))
    if sensor is Sensor.CAMERA:
        read = random.normal(2.18 * level + 1.20, 0.26)
        return float(np.exp(level)), float(np.exp(read))
    read = random.normal(1.85 * level / np.log(10) + 0.30, 0.20)
    return float(np.exp(level)), float(10**read)


def linear_from_file(image: FloatPixels, development: Development) -> FloatPixels:
    """Invert a development: ``(H, W, 3)`` float32 sRGB [0, 1] to sensor colors [0, 1].

    It inverts the tone curve, gamma, the color matrix and the gains.
    """
    colors = _look_up(_TO_LINEAR, np.clip(image, 0, 1)) @ development.to_camera.T
    inverse = 1 / development.gains
    # A gain below 1 would leave no pixel saturated: bright ones keep their value.
    gray = colors @ np.full((3, 1), 1 / 3, np.float32)
    kept = (np.maximum(gray - _INFLECTION, 0) / (1 - _INFLECTION)) ** 2
    safe = np.maximum(kept + (1 - kept) * inverse, inverse)
    return np.asarray(np.clip(colors * safe, 0, 1), np.float32)


def expose(
    linear: FloatPixels,
    development: Development,
    pattern: BayerPattern,
    random: np.random.Generator,
    *,
    noise: tuple[float, float],
) -> FloatPixels:
    """Simulate a photo: mosaic the sensor colors, add noise, demosaic and develop.

    Args:
        linear: ``(H, W, 3)`` float32 sensor colors [0, 1], at least 3 x 3 pixels.
        development: the camera's processing of this photo.
        pattern: Bayer pattern of the mosaic.
        random: generator that the noise is drawn from.
        noise: shot and read noise; ``(0, 0)`` for none.

    Returns:
        ``(H, W, 3)`` float32 sRGB [0, 1], not rounded.
    """
    shot, read = noise
    raw = mosaic(linear, pattern)
    if shot > 0 or read > 0:
        deviation = np.sqrt(np.float32(shot) * raw + np.float32(read))
        raw = raw + deviation * random.standard_normal(raw.shape, np.float32)
    gains = mosaic(np.broadcast_to(development.gains, linear.shape), pattern)
    balanced = demosaic_malvar(np.clip(raw * gains, 0, 1), pattern)
    return _develop(balanced, np.linalg.inv(development.to_camera))


def _develop(balanced: FloatPixels, to_srgb: npt.NDArray[np.float32]) -> FloatPixels:
    """Apply the color matrix, gamma and the tone curve."""
    return _look_up(_FROM_LINEAR, np.clip(balanced @ to_srgb.T, 0, 1))


def _look_up(table: npt.NDArray[np.float32], values: FloatPixels) -> FloatPixels:
    """Evaluate a curve on [0, 1] from a table of 65536 entries: ten times as fast."""
    places = (values * np.float32(len(table) - 1) + np.float32(0.5)).astype(np.uint16)
    return table[places]


def _curves() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Tables from stored values to linear ones and back: gamma, then ``3 y^2 - 2 y^3``."""
    values = np.linspace(0, 1, 2**16)
    untoned = 0.5 - np.sin(np.arcsin(1 - 2 * values) / 3)
    encoded = values ** (1 / _GAMMA)
    toned = encoded * encoded * (3 - 2 * encoded)
    return (untoned.clip(0) ** _GAMMA).astype(np.float32), toned.astype(np.float32)


_TO_LINEAR, _FROM_LINEAR = _curves()
