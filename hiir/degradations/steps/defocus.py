"""Defocus."""

from typing import Literal

import numpy as np
from pydantic import Field

from hiir.degradations.defocus import View, defocus
from hiir.degradations.depth import draw_layers
from hiir.degradations.steps.base import BaseStep, Range, draw
from hiir.degradations.steps.highlights import Highlights, draw_highlights
from hiir.imaging import FloatPixels

__all__ = ["Defocus"]

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
    highlights: Highlights = (1.0, 1.0)
    """Light of saturated pixels, where 1 is white; uniform in its logarithm."""

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
        lights = draw_highlights(self.highlights, random)
        blurred = [defocus(image, radius, view=v, step=step, highlights=lights) for v in views]
        return np.concatenate(blurred, axis=2)
