"""The degradations with the ranges that their strengths are drawn from, as configurations say them.

Each step maps ``(H, W, C)`` float32 on the scale of [0, 1] to an image of the same kind and takes
all chance from the generator that it is given.
"""

from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    model_validator,
)

from hiir.degradations.compression import ChromaSubsampling, compress_jpeg
from hiir.degradations.defocus import View, defocus
from hiir.degradations.depth import draw_layers, draw_relief
from hiir.degradations.mosaic import mosaic
from hiir.degradations.motion import blur_by_trajectory, draw_trajectory, expose_frames
from hiir.degradations.noise import add_gaussian_noise, as_file
from hiir.degradations.raindrops import add_raindrops
from hiir.degradations.resize import reduce_bicubic
from hiir.degradations.weather import add_fog, add_rain, add_snow
from hiir.imaging import BayerPattern, FloatPixels, demosaic_malvar

__all__ = [
    "Bayer",
    "Defocus",
    "Downscale",
    "File",
    "Fog",
    "Jpeg",
    "Motion",
    "Noise",
    "OneOf",
    "Rain",
    "Raindrops",
    "Range",
    "Snow",
    "Step",
]


# Pixels of radius that a layer of a defocused scene spans at least, and layers on one side of the
# focus at most: finer ones are not seen, and take their time.
_LAYER, _LAYERS = 0.75, 8


def _as_pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int | float) else value


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"a range goes from low to high, not from {value[0]} to {value[1]}")
    return value


Range: TypeAlias = Annotated[
    tuple[float, float], BeforeValidator(_as_pair), AfterValidator(_ordered)
]
"""A number, or a pair to draw uniformly between."""


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def margin(self) -> int:
        """Pixels of surroundings that an image must have for its border to be right."""
        return 0

    @property
    def scale(self) -> int:
        """Pixels of the clean image per pixel of the degraded one, along a side."""
        return 1

    @property
    def views(self) -> int:
        """Pictures that come out of one, stacked as channels."""
        return 1


def _draw(bounds: tuple[float, float], random: np.random.Generator) -> float:
    return float(random.uniform(*bounds))


class Noise(_Step):
    """Additive white Gaussian noise."""

    kind: Literal["noise"] = "noise"
    sigma: Range
    """Standard deviation on the scale of 255."""
    clip_share: float = Field(default=0.0, ge=0, le=1)
    """Share of images that are rounded to 8 bits and clipped, as files are."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Noise":
        if not 0 <= self.sigma[0] <= self.sigma[1] <= 255:
            raise ValueError(f"sigma goes from 0 to 255 at most, not from {self.sigma}")
        return self

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add noise of one level."""
        sigma = _draw(self.sigma, random)
        clip = bool(random.random() < self.clip_share)
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        clean = torch.from_numpy(np.ascontiguousarray(image))
        noisy = add_gaussian_noise(clean, sigma, generator=generator, clip=clip)
        return np.asarray(noisy.numpy(), np.float32)


class File(_Step):
    """Round to 8 bits and clip: the image has been in a file."""

    kind: Literal["file"] = "file"

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:  # noqa: ARG002
        """Round and clip; nothing is left to chance."""
        return np.asarray(as_file(torch.from_numpy(image)).numpy(), np.float32)


class Jpeg(_Step):
    """JPEG compression."""

    kind: Literal["jpeg"] = "jpeg"
    quality: Range
    """Of libjpeg, 1 to 100; drawn as a whole number."""
    subsampling: ChromaSubsampling = ChromaSubsampling.HALVED
    aligned: bool = False
    """Keep the grid of blocks at the image's corner, as in the tests of the literature."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Jpeg":
        if not 1 <= self.quality[0] <= self.quality[1] <= 100:
            raise ValueError(f"quality goes from 1 to 100 at most, not from {self.quality}")
        return self

    @property
    def margin(self) -> int:
        """A block of halved chroma."""
        return 0 if self.aligned else 16

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Compress at one quality, at one phase of the grid."""
        low, high = self.quality
        quality = int(random.integers(int(low), int(high) + 1))
        shift = random.integers(0, 16, size=2)
        phase = (0, 0) if self.aligned else (int(shift[0]), int(shift[1]))
        return compress_jpeg(image, quality, subsampling=self.subsampling, phase=phase)


class Downscale(_Step):
    """MATLAB's bicubic reduction."""

    kind: Literal["downscale"] = "downscale"
    factor: int = Field(ge=2, le=8)

    @property
    def margin(self) -> int:
        """Reach of the kernel, in whole output pixels."""
        return 2 * self.factor

    @property
    def scale(self) -> int:
        """The factor."""
        return self.factor

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:  # noqa: ARG002
        """Reduce; nothing is left to chance."""
        return reduce_bicubic(image, self.factor)


class Motion(_Step):
    """A shaking camera."""

    kind: Literal["motion"] = "motion"
    length: Range
    """Of the path in pixels."""
    restlessness: Range = (0.0, 0.7)
    """Of the hand; 0 moves straight on, as a camera that pans."""
    gamma: Range = (1.0, 2.2)
    """Exponent from stored values to light."""
    frames: int | None = Field(default=None, ge=2, le=64)
    """Of a fast camera, averaged, one of them sharp; null is a shutter that stays open."""
    shutter: Range = (0.2, 1.0)
    """Share of each frame's time that it is exposed."""

    @model_validator(mode="after")
    def _open(self) -> "Motion":
        if not 0 < self.shutter[0] <= self.shutter[1] <= 1:
            raise ValueError(f"a shutter is open from above 0 to 1 at most, not {self.shutter}")
        return self

    @property
    def margin(self) -> int:
        """A path is centred, or its frames are but for one, and it is straight at most."""
        frames = self.frames or np.inf
        return int(self.length[1] * (1 / 2 + 1 / frames)) + 2

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Blur along one path."""
        length, restlessness = (_draw(r, random) for r in (self.length, self.restlessness))
        trajectory = draw_trajectory(random, length=length, restlessness=restlessness)
        if self.frames is not None:
            shutter = _draw(self.shutter, random)
            trajectory = expose_frames(trajectory, frames=self.frames, shutter=shutter)
        return blur_by_trajectory(image, trajectory, gamma=_draw(self.gamma, random))


class Defocus(_Step):
    """A lens that is focused on one distance of a random scene."""

    kind: Literal["defocus"] = "defocus"
    radius: Range
    """Of the largest disk in the picture, in pixels."""
    objects: int = Field(default=4, ge=0, le=32)
    """Things before the background, at most."""
    dual_pixel: bool = False
    """Give the left and the right view, stacked as channels."""

    @property
    def margin(self) -> int:
        """Reach of the largest disk."""
        return int(self.radius[1]) + 2

    @property
    def views(self) -> int:
        """Left and right, or one."""
        return 2 if self.dual_pixel else 1

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Blur one scene at one focus."""
        shape = (image.shape[0], image.shape[1])
        depth = draw_layers(shape, random, objects=int(random.integers(self.objects + 1)))
        # Some scenes lie wholly out of focus, at one side of it.
        offset = depth - np.float32(random.uniform(-0.3, 1.3))
        largest = max(float(np.abs(offset).max()), 1e-6)
        widest = _draw(self.radius, random)
        radius = np.asarray(offset * np.float32(widest / largest), np.float32)
        views = (View.LEFT, View.RIGHT) if self.dual_pixel else (View.WHOLE,)
        step = max(_LAYER, widest / _LAYERS)
        blurred = [defocus(image, radius, view=view, step=step) for view in views]
        return np.concatenate(blurred, axis=2)


class Bayer(_Step):
    """A mosaic, demosaicked by Malvar, He and Cutler's filters."""

    kind: Literal["bayer"] = "bayer"
    patterns: tuple[BayerPattern, ...] = Field(default=tuple(BayerPattern), min_length=1)

    @property
    def margin(self) -> int:
        """Reach of the filters."""
        return 2

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Sample and fill in one pattern."""
        pattern = self.patterns[int(random.integers(len(self.patterns)))]
        return demosaic_malvar(mosaic(image, pattern), pattern)


class Fog(_Step):
    """A veil that thickens with depth."""

    kind: Literal["fog"] = "fog"
    density: Range
    """Scattering over the depth of the scene."""

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Veil one scene."""
        depth = draw_relief((image.shape[0], image.shape[1]), random)
        airlight = np.full(image.shape[2], random.uniform(0.7, 1.0), np.float32)
        return add_fog(image, depth, density=_draw(self.density, random), airlight=airlight)


class Rain(_Step):
    """Streaks and the fog behind them."""

    kind: Literal["rain"] = "rain"
    amount: Range
    length: Range = (10, 40)
    """Of near streaks in pixels."""
    fog: Range = (0.0, 1.5)

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Rain on one scene."""
        amount, length, fog = (_draw(r, random) for r in (self.amount, self.length, self.fog))
        return add_rain(image, random, amount=amount, length=length, fog=fog)


class Snow(_Step):
    """Flakes of several scales."""

    kind: Literal["snow"] = "snow"
    amount: Range
    size: Range = (6, 20)
    """Diameter of near flakes in pixels."""

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Snow on one scene."""
        amount, size = (_draw(r, random) for r in (self.amount, self.size))
        return add_snow(image, random, amount=amount, size=size)


class Raindrops(_Step):
    """Drops on a window before the lens."""

    kind: Literal["raindrops"] = "raindrops"
    amount: Range
    """Share of the window that is covered."""
    size: Range = (12, 60)
    """Diameter of large drops in pixels."""

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Splash one window."""
        amount, size = (_draw(r, random) for r in (self.amount, self.size))
        return add_raindrops(image, random, amount=amount, size=size)


class OneOf(_Step):
    """One of several degradations."""

    kind: Literal["one-of"] = "one-of"
    choices: tuple["Step", ...] = Field(min_length=1)
    weights: tuple[PositiveFloat, ...] | None = None
    """How often each is drawn against the others; all alike where nothing is said."""

    @property
    def margin(self) -> int:
        """The largest of all choices."""
        return max(step.margin for step in self.choices)

    @model_validator(mode="after")
    def _of_one_size(self) -> "OneOf":
        if len({(step.scale, step.views) for step in self.choices}) > 1:
            raise ValueError("choices must give images of one size and one number of views")
        return self

    @model_validator(mode="after")
    def _with_a_weight_each(self) -> "OneOf":
        if self.weights is not None and len(self.weights) != len(self.choices):
            raise ValueError(f"{len(self.weights)} weights for {len(self.choices)} choices")
        return self

    @property
    def scale(self) -> int:
        """That of every choice."""
        return self.choices[0].scale

    @property
    def views(self) -> int:
        """That of every choice."""
        return self.choices[0].views

    def draw(self, random: np.random.Generator) -> "Step":
        """Draw one of the choices."""
        if self.weights is None:
            return self.choices[int(random.integers(len(self.choices)))]
        share = np.array(self.weights) / sum(self.weights)
        return self.choices[int(random.choice(len(self.choices), p=share))]

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Draw one of the choices and apply it."""
        return self.draw(random).apply(image, random)


Step: TypeAlias = Annotated[
    Noise
    | File
    | Jpeg
    | Downscale
    | Motion
    | Defocus
    | Bayer
    | Fog
    | Rain
    | Snow
    | Raindrops
    | OneOf,
    Field(discriminator="kind"),
]
OneOf.model_rebuild()
