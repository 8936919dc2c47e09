"""Fog, rain, snow and raindrops as the first models were trained on.

`heavy_weather` has the steps that match real photos more closely.
"""

from typing import Literal

import numpy as np

from hiir.degradations.depth import draw_relief
from hiir.degradations.raindrops import add_raindrops
from hiir.degradations.steps.base import Range, WeatherStep, draw
from hiir.degradations.weather import add_fog, add_rain, add_snow
from hiir.imaging import FloatPixels

__all__ = ["Fog", "Rain", "Raindrops", "Snow"]


class Fog(WeatherStep):
    """Fog: a veil that grows with depth."""

    kind: Literal["fog"] = "fog"
    density: Range
    """Scattering over the depth of the scene."""

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add fog to the image."""
        depth = draw_relief((image.shape[0], image.shape[1]), random)
        airlight = np.full(image.shape[2], random.uniform(0.7, 1.0), np.float32)
        return add_fog(image, depth, density=draw(self.density, random), airlight=airlight)


class Rain(WeatherStep):
    """Rain streaks and the fog behind them."""

    kind: Literal["rain"] = "rain"
    amount: Range
    length: Range = (10, 40)
    """Length of near streaks in pixels."""
    fog: Range = (0.0, 1.5)

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add rain to the image."""
        amount, length, fog = (draw(r, random) for r in (self.amount, self.length, self.fog))
        return add_rain(image, random, amount=amount, length=length, fog=fog)


class Raindrops(WeatherStep):
    """Raindrops on a window in front of the lens."""

    kind: Literal["raindrops"] = "raindrops"
    amount: Range
    """Share of the window that is covered."""
    size: Range = (12, 60)
    """Diameter of large drops in pixels."""

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add raindrops to the image."""
        amount, size = (draw(r, random) for r in (self.amount, self.size))
        return add_raindrops(image, random, amount=amount, size=size)


class Snow(WeatherStep):
    """Snowflakes of several sizes."""

    kind: Literal["snow"] = "snow"
    amount: Range
    size: Range = (6, 20)
    """Diameter of near flakes in pixels."""

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add snow to the image."""
        amount, size = (draw(r, random) for r in (self.amount, self.size))
        return add_snow(image, random, amount=amount, size=size)
