"""Weather as in real photos: heavy rain, snowfall, and drops on a window."""

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
        raise ValueError(f"a share must be within 0 to 1, not {value}")
    return value


def _pixels(value: tuple[float, float]) -> tuple[float, float]:
    if not 0.3 <= value[0] <= value[1] <= 500:
        raise ValueError(f"a size must be within 0.3 to 500 pixels, not {value}")
    return value


def _density(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= value[0] <= value[1] <= 10:
        raise ValueError(f"a density must be within 0 to 10, not {value}")
    return value


ShareRange: TypeAlias = Annotated[Range, AfterValidator(_share)]
PixelRange: TypeAlias = Annotated[Range, AfterValidator(_pixels)]
DensityRange: TypeAlias = Annotated[Range, AfterValidator(_density)]


class HeavyRain(WeatherStep):
    """Rain streaks in several layers, and the veil that they form with depth."""

    kind: Literal["heavy-rain"] = "heavy-rain"
    amount: ShareRange = (0.2, 1.0)
    """Amount of streaks."""
    density: DensityRange = (0.0, 2.2)
    """Density of the veil over the depth of the scene."""
    length: PixelRange = (8, 80)
    """Length of the nearest streaks in pixels, uniform in its logarithm."""
    width: PixelRange = (0.6, 2.5)
    """Width of the nearest streaks in pixels, uniform in its logarithm."""
    layers: Range = (2, 5)
    """Number of distances at which streaks fall; an integer."""
    airlight: ShareRange = (0.4, 0.95)
    """Brightness of the veil by day."""
    night_share: float = Field(default=0.15, ge=0, le=1)
    """Share of images with a dark veil, and streaks that the scene's own lights illuminate."""

    @model_validator(mode="after")
    def _in_scale(self) -> "HeavyRain":
        if not 1 <= self.layers[0] <= self.layers[1] <= 12:
            raise ValueError(f"layers must be within 1 to 12, not {self.layers}")
        return self

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add heavy rain to the image."""
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
    """Snowflakes from single points to unfocused blobs, and a veil."""

    kind: Literal["snowfall"] = "snowfall"
    amount: ShareRange = (0.2, 1.0)
    size: PixelRange = (1.2, 24)
    """Diameters of the farthest and of the nearest flakes in pixels."""
    layers: Range = (3, 7)
    """Number of distances at which flakes fall; an integer."""
    density: DensityRange = (0.0, 0.8)
    """Density of the veil over the depth of the scene."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Snowfall":
        if not 1 <= self.layers[0] <= self.layers[1] <= 12:
            raise ValueError(f"layers must be within 1 to 12, not {self.layers}")
        return self

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add snowfall to the image."""
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
    """Refracting water drops on a window that is out of focus."""

    kind: Literal["window-drops"] = "window-drops"
    density: Range = (0.5, 12)
    """Drops per 100 x 100 pixels, uniform in its logarithm."""
    radius: PixelRange = (2.5, 30)
    """Radius of drops in pixels; each photo draws a narrower range within it."""
    defocus: Range = (0, 8)
    """Radius in pixels of the blur of the window."""
    opacity: ShareRange = (0.6, 1.0)
    """Opacity of a drop; thin water transmits some of the scene."""
    dimming: ShareRange = (0.0, 0.35)
    """Share of the light that a drop absorbs."""

    @model_validator(mode="after")
    def _in_scale(self) -> "WindowDrops":
        if not 0 < self.density[0] <= self.density[1] <= 50:
            raise ValueError(f"density must be above 0 and at most 50, not {self.density}")
        if not 0 <= self.defocus[0] <= self.defocus[1] <= 50:
            raise ValueError(f"defocus must be within 0 to 50, not {self.defocus}")
        return self

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add drops on a window to the image."""
        least, most = sorted(draw_log(self.radius, random) for _ in range(2))
        # At least a visible amount of water, and at most one that leaves the scene recognizable.
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
