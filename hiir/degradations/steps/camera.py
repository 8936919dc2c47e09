"""Camera noise as it appears after the camera's processing."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from hiir.degradations.camera import (
    Sensor,
    draw_development,
    draw_sensor_noise,
    expose,
    linear_from_file,
)
from hiir.degradations.camera_processing import sharpen, smooth_noise
from hiir.degradations.noise import noise_level
from hiir.degradations.steps.base import BaseStep, Range
from hiir.imaging import BayerPattern, FloatPixels

__all__ = ["Camera"]

_LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)  # ITU-R BT.601
_REACH = 8  # pixels: of demosaicking, and of the widest filter below


class Camera(BaseStep):
    """Shot and read noise on a sensor, demosaicked and developed, in an 8-bit file.

    The photo is converted to sensor values (Brooks et al., 2019), receives its noise there and is
    developed again. Changes that the conversion makes without noise, such as in clipped highlights,
    are removed from the result: it differs from the photo by noise and, in a share of images, by
    demosaicking.

    JPEG and resizing are separate steps. Gray images receive the luma of the noise on a gray photo.
    """

    kind: Literal["camera"] = "camera"
    sensor: Sensor = Sensor.CAMERA
    shot: Range | None = None
    """Variance of the shot noise at full scale, uniform in its logarithm; null selects the sensor's
    range.
    """
    patterns: tuple[BayerPattern, ...] = Field(default=tuple(BayerPattern), min_length=1)
    demosaicked_share: float = Field(default=0.5, ge=0, le=1)
    """Share of images that keep the errors of demosaicking; in others only the noise is
    demosaicked.
    """
    smoothed_share: float = Field(default=0.5, ge=0, le=1)
    """Share of images that the camera denoises slightly."""
    sharpened_share: float = Field(default=0.2, ge=0, le=1)
    """Share of the other images that the camera sharpens."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Camera":
        if self.shot is not None and not 0 < self.shot[0] <= self.shot[1] <= 0.1:
            raise ValueError(f"shot must be above 0 and at most 0.1, not {self.shot}")
        return self

    @property
    def margin(self) -> int:
        """The reach of demosaicking and of the camera's filters."""
        return 2 + _REACH

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add the noise of one random camera to the image."""
        clean = np.clip(np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image, 0, 1)
        noisy = self._photograph(clean, random)
        if image.shape[2] == 1:
            clean, noisy = image, noisy @ _LUMA
        process = _draw_processing(self.smoothed_share, self.sharpened_share, random)
        stored = np.rint(np.clip(process(noisy, noise_level(noisy, clean)), 0, 1) * 255)
        return np.asarray(stored / 255, np.float32)

    def _photograph(self, clean: FloatPixels, random: np.random.Generator) -> FloatPixels:
        development = draw_development(random)
        pattern = self.patterns[int(random.integers(len(self.patterns)))]
        noise = draw_sensor_noise(random, self.sensor, shot=self.shot)
        keeps_errors = bool(random.random() < self.demosaicked_share)
        linear = linear_from_file(clean, development)
        noisy = expose(linear, development, pattern, random, noise=noise)
        if keeps_errors:
            reference = development.apply(linear)
        else:
            reference = expose(linear, development, pattern, random, noise=(0, 0))
        return np.asarray(np.clip(clean + (noisy - reference), 0, 1), np.float32)


def _draw_processing(
    smoothed: float, sharpened: float, random: np.random.Generator
) -> Callable[[FloatPixels, float], FloatPixels]:
    """Draw the processing that the camera applies to a noisy photo with a given noise level."""
    chance, strength = random.random(2)
    radius, chroma_radius, reach = random.uniform((0.6, 0.8, 1), (1.6, 2, 4))
    if chance < smoothed:
        return lambda image, sigma: smooth_noise(
            image,
            sigma=reach * sigma,
            strength=0.3 + 0.7 * strength,
            radius=radius,
            chroma_radius=chroma_radius,
        )
    if chance < smoothed + (1 - smoothed) * sharpened:
        amount = 0.2 + 0.6 * strength
        return lambda image, _: sharpen(image, radius=radius, amount=amount)
    return lambda image, _: image
