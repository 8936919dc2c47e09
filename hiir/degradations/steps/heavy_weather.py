"""Weather as real photos show it: heavy rain, snowfall, and drops on a window."""

from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from hiir.degradations.heavy_rain import add_heavy_rain, draw_depth, draw_rain_layers
from hiir.degradations.snowfall import add_snowfall
from hiir.degradations.steps.base import Range, WeatherStep, draw, draw_integer, draw_log
from hiir.degradations.window_drops import add_window_drops
from hiir.imaging import FloatPixels

__all__ = ["HeavyRain", "Snowfall", "WindowDrops"]


def _share(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= value[0] <= value[1] <= 1:
        raise ValueError(f"a share goes from 0 to 1 at most, not from {value}")
    return value


def _pixels(value: tuple[float, float]) -> tuple[float, float]:
    if not 0.3 <= value[0] <= value[1] <= 500:
        raise ValueError(f"sizes go from 0.3 to 500 pixels at most, not from {value}")
    return value


def _density(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= value[0] <= value[1] <= 10:
        raise ValueError(f"a density goes from 0 to 10 at most, not from {value}")
    return value


ShareRange: TypeAlias = Annotated[Range, AfterValidator(_share)]
PixelRange: TypeAlias = Annotated[Range, AfterValidator(_pixels)]
DensityRange: TypeAlias = Annotated[Range, AfterValidator(_density)]


class HeavyRain(WeatherStep):
    """Streaks in several layers, and the veil that they pile up to with depth."""

    kind: Literal["heavy-rain"] = "heavy-rain"
    amount: ShareRange = (0.2, 1.0)
    """Of streaks."""
    density: DensityRange = (0.0, 2.2)
    """Of the veil over the depth of the scene."""
    length: PixelRange = (8, 80)
    """Of the nearest streaks in pixels, uniform in its logarithm."""
    width: PixelRange = (0.6, 2.5)
    """Of the nearest streaks in pixels, uniform in its logarithm."""
    layers: Range = (2, 5)
    """Distances that streaks fall at: a whole number."""
    airlight: ShareRange = (0.4, 0.95)
    """Brightness of the veil by day."""
    night_share: float = Field(default=0.15, ge=0, le=1)
    """Share of images with a dark veil, and streaks that are lit by the scene's own lights."""

    @model_validator(mode="after")
    def _in_scale(self) -> "HeavyRain":
        if not 1 <= self.layers[0] <= self.layers[1] <= 12:
            raise ValueError(f"there are 1 to 12 layers, not {self.layers}")
        return self

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Rain on one scene."""
        layers = draw_rain_layers(
            random,
            amount=draw(self.amount, random),
            length=draw_log(self.length, random),
            width=draw_log(self.width, random),
            layers=draw_integer(self.layers, random),
        )
        night = bool(random.random() < self.night_share)
        level = random.uniform(0.05, 0.3) if night else draw(self.airlight, random)
        tint = random.normal(0, 0.015, image.shape[2])
        return add_heavy_rain(
            image,
            layers,
            random,
            depth=draw_depth((image.shape[0], image.shape[1]), random),
            density=draw(self.density, random),
            airlight=np.clip(level + tint, 0, 1).astype(np.float32),
            night=night,
        )


class Snowfall(WeatherStep):
    """Flakes from points to blobs out of focus, and a veil."""

    kind: Literal["snowfall"] = "snowfall"
    amount: ShareRange = (0.2, 1.0)
    size: PixelRange = (1.2, 24)
    """Diameter of the farthest and of the nearest flakes in pixels."""
    layers: Range = (3, 7)
    """Distances that flakes fall at: a whole number."""
    density: DensityRange = (0.0, 0.8)
    """Of the veil over the depth of the scene."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Snowfall":
        if not 1 <= self.layers[0] <= self.layers[1] <= 12:
            raise ValueError(f"there are 1 to 12 layers, not {self.layers}")
        return self

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Let it snow on one scene."""
        # Snow is lit as the scene is: dim at night, white by day.
        light = 0.35 + 0.65 * float(np.quantile(image, 0.95))
        nearest = draw_log((max(self.size[1] / 4, self.size[0]), self.size[1]), random)
        return add_snowfall(
            image,
            random,
            amount=draw(self.amount, random),
            size=(self.size[0], nearest),
            layers=draw_integer(self.layers, random),
            depth=draw_depth((image.shape[0], image.shape[1]), random),
            density=draw(self.density, random),
            brightness=min(light * random.uniform(0.85, 1.15), 1.0),
        )


class WindowDrops(WeatherStep):
    """Refracting drops of water on a window that is out of focus."""

    kind: Literal["window-drops"] = "window-drops"
    density: Range = (0.5, 12)
    """Drops in 100 x 100 pixels, uniform in its logarithm."""
    radius: PixelRange = (2.5, 30)
    """Of drops in pixels; those of one photo have a range of their own within it."""
    defocus: Range = (0, 8)
    """Radius in pixels of the blur of the window."""
    opacity: ShareRange = (0.6, 1.0)
    """Of a drop; thin water lets some of the scene through."""
    dimming: ShareRange = (0.0, 0.35)
    """Share of the light that a drop loses."""

    @model_validator(mode="after")
    def _in_scale(self) -> "WindowDrops":
        if not 0 < self.density[0] <= self.density[1] <= 50:
            raise ValueError(f"density is above 0 and at most 50, not {self.density}")
        if not 0 <= self.defocus[0] <= self.defocus[1] <= 50:
            raise ValueError(f"defocus goes from 0 to 50 at most, not from {self.defocus}")
        return self

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Rain on one window."""
        least, most = sorted(draw_log(self.radius, random) for _ in range(2))
        # As much water at least as would be seen, at most what still leaves a picture.
        mean_area = np.pi * least * most
        density = min(draw_log(self.density, random), 0.4e4 / mean_area)
        expected = density * image.shape[0] * image.shape[1] / 1e4
        return add_window_drops(
            image,
            random,
            count=int(random.poisson(expected)),
            radius=(least, most),
            defocus=min(draw(self.defocus, random), 1.2 * most),
            opacity=draw(self.opacity, random),
            dimming=draw(self.dimming, random),
        )
