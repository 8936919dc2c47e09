"""Defocus blur."""

from typing import Literal

import numpy as np
from pydantic import Field

from hiir.degradations.defocus import View, defocus
from hiir.degradations.depth import draw_layers
from hiir.degradations.steps.base import BaseStep, Range, draw
from hiir.degradations.steps.highlights import Highlights, draw_highlights
from hiir.imaging import FloatPixels

__all__ = ["Defocus"]

# Minimum range of radii in pixels that one layer covers, and maximum number of layers on one side
# of the focus: finer layers make no visible difference and take longer.
_LAYER, _LAYERS = 0.75, 8


class Defocus(BaseStep):
    """Defocus blur of a lens that is focused at one distance of a random scene."""

    kind: Literal["defocus"] = "defocus"
    radius: Range
    """Radius of the largest disk in the picture, in pixels."""
    objects: int = Field(default=4, ge=0, le=32)
    """Maximum number of objects in front of the background."""
    dual_pixel: bool = False
    """Whether to return the left and the right view, stacked as channels."""
    highlights: Highlights = (1.0, 1.0)
    """Linear light of saturated pixels, where 1 is white; uniform in its logarithm."""

    @property
    def margin(self) -> int:
        """The radius of the largest disk."""
        return int(self.radius[1]) + 2

    @property
    def turns(self) -> bool:
        """False for dual-pixel views: a mirrored left view is a right view."""
        return not self.dual_pixel

    @property
    def views(self) -> int:
        """2 (left and right) for a dual-pixel sensor, otherwise 1."""
        return 2 if self.dual_pixel else 1

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Draw a scene and a focus, and blur the image."""
        shape = (image.shape[0], image.shape[1])
        depth = draw_layers(shape, random, objects=int(random.integers(self.objects + 1)))
        # Some scenes are entirely out of focus, on one side of it.
        offset = depth - np.float32(random.uniform(-0.3, 1.3))
        largest = max(float(np.abs(offset).max()), 1e-6)
        widest = draw(self.radius, random)
        radius = np.asarray(offset * np.float32(widest / largest), np.float32)
        views = (View.LEFT, View.RIGHT) if self.dual_pixel else (View.WHOLE,)
        step = max(_LAYER, widest / _LAYERS)
        lights = draw_highlights(self.highlights, random)
        blurred = [defocus(image, radius, view=v, step=step, highlights=lights) for v in views]
        return np.concatenate(blurred, axis=2)
