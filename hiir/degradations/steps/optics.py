"""Motion blur and defocus."""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from hiir.degradations.defocus import View, defocus
from hiir.degradations.depth import draw_layers
from hiir.degradations.motion import blur_by_trajectory, draw_trajectory, expose_frames
from hiir.degradations.steps.base import BaseStep, Range, draw
from hiir.imaging import FloatPixels

__all__ = ["Defocus", "Motion"]


# Pixels of radius that a layer of a defocused scene spans at least, and layers on one side of the
# focus at most: finer ones are not seen, and take their time.
_LAYER, _LAYERS = 0.75, 8


class Defocus(BaseStep):
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
    def turns(self) -> bool:
        """A mirrored left view is a right view."""
        return not self.dual_pixel

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
        widest = draw(self.radius, random)
        radius = np.asarray(offset * np.float32(widest / largest), np.float32)
        views = (View.LEFT, View.RIGHT) if self.dual_pixel else (View.WHOLE,)
        step = max(_LAYER, widest / _LAYERS)
        blurred = [defocus(image, radius, view=view, step=step) for view in views]
        return np.concatenate(blurred, axis=2)


class Motion(BaseStep):
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
        length, restlessness = (draw(r, random) for r in (self.length, self.restlessness))
        trajectory = draw_trajectory(random, length=length, restlessness=restlessness)
        if self.frames is not None:
            shutter = draw(self.shutter, random)
            trajectory = expose_frames(trajectory, frames=self.frames, shutter=shutter)
        return blur_by_trajectory(image, trajectory, gamma=draw(self.gamma, random))
