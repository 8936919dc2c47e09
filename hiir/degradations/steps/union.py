"""The union of all steps, discriminated by ``kind``."""

from typing import Annotated, TypeAlias

from pydantic import Field

from hiir.degradations.steps.blur import Blur
from hiir.degradations.steps.camera import Camera
from hiir.degradations.steps.composite import Chain, OneOf, Resized
from hiir.degradations.steps.compression import Jpeg
from hiir.degradations.steps.defocus import Defocus
from hiir.degradations.steps.heavy_weather import HeavyRain, Snowfall, WindowDrops
from hiir.degradations.steps.motion import Motion, MovingObject
from hiir.degradations.steps.noise import CorrelatedNoise, File, FilmGrain, Noise, Poisson
from hiir.degradations.steps.sampling import Bayer, Downscale, Resize
from hiir.degradations.steps.weather import Fog, Rain, Raindrops, Snow

__all__ = ["Step"]

Step: TypeAlias = Annotated[
    Noise
    | Poisson
    | CorrelatedNoise
    | FilmGrain
    | Camera
    | File
    | Jpeg
    | Downscale
    | Motion
    | MovingObject
    | Defocus
    | Bayer
    | Fog
    | Rain
    | Snow
    | Raindrops
    | HeavyRain
    | Snowfall
    | WindowDrops
    | Blur
    | Resize
    | OneOf
    | Chain
    | Resized,
    Field(discriminator="kind"),
]
for _composite in (OneOf, Chain, Resized):
    _composite.model_rebuild(_types_namespace={"Step": Step})
