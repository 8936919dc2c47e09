"""The steps of recipes: degradations whose strengths are drawn from configured ranges.

Each step maps ``(H, W, C)`` float32 [0, 1] to an image of the same layout and draws all random
numbers from the generator that it receives.
"""

from hiir.degradations.steps.base import Range
from hiir.degradations.steps.blur import Blur
from hiir.degradations.steps.camera import Camera
from hiir.degradations.steps.composite import Chain, OneOf, Resized
from hiir.degradations.steps.compression import Jpeg
from hiir.degradations.steps.defocus import Defocus
from hiir.degradations.steps.heavy_weather import HeavyRain, Snowfall, WindowDrops
from hiir.degradations.steps.motion import Motion, MovingObject
from hiir.degradations.steps.noise import CorrelatedNoise, File, FilmGrain, Noise, Poisson
from hiir.degradations.steps.sampling import Bayer, Downscale, Resize
from hiir.degradations.steps.union import Step
from hiir.degradations.steps.weather import Fog, Rain, Raindrops, Snow

__all__ = [
    "Bayer",
    "Blur",
    "Camera",
    "Chain",
    "CorrelatedNoise",
    "Defocus",
    "Downscale",
    "File",
    "FilmGrain",
    "Fog",
    "HeavyRain",
    "Jpeg",
    "Motion",
    "MovingObject",
    "Noise",
    "OneOf",
    "Poisson",
    "Rain",
    "Raindrops",
    "Range",
    "Resize",
    "Resized",
    "Snow",
    "Snowfall",
    "Step",
    "WindowDrops",
]
