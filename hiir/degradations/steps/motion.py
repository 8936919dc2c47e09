"""Motion blur: of the camera, and of what moves before it."""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from hiir.degradations.depth import draw_outline
from hiir.degradations.motion import (
    blur_by_trajectory,
    draw_trajectory,
    expose_frames,
    seen_from_middle,
)
from hiir.degradations.moving_object import blur_moving_object
from hiir.degradations.steps.base import BaseStep, Range, draw
from hiir.degradations.steps.highlights import Highlights, draw_highlights
from hiir.imaging import FloatPixels

__all__ = ["Motion", "MovingObject"]


class Motion(BaseStep):
    """A shaking camera."""

    kind: Literal["motion"] = "motion"
    length: Range
    """Of the path in pixels."""
    jitter: Range = (0.0, 0.7)
    """Of the hand; 0 moves straight on, as a camera that pans."""
    gamma: Range = (1.0, 2.2)
    """Exponent from stored values to light."""
    frames: int | None = Field(default=None, ge=2, le=64)
    """Of a fast camera, averaged, one of them sharp; null is a shutter that stays open."""
    shutter: Range = (0.2, 1.0)
    """Share of each frame's time that it is exposed."""
    sharp: Literal["mean", "middle"] = "mean"
    """What of the path the clean photo shows: its mean place, or its place at half of the time."""
    highlights: Highlights = (1.0, 1.0)
    """Light of saturated pixels, where 1 is white; uniform in its logarithm."""

    @model_validator(mode="after")
    def _open(self) -> "Motion":
        if not 0 < self.shutter[0] <= self.shutter[1] <= 1:
            raise ValueError(f"a shutter is open from above 0 to 1 at most, not {self.shutter}")
        if self.frames is not None and self.sharp != "mean":
            raise ValueError("of averaged frames one is sharp: leave out sharp, or frames")
        return self

    @property
    def margin(self) -> int:
        """A path is centered, or its frames are but for one, and it is straight at most."""
        frames = self.frames or np.inf
        return int(self.length[1] * (1 / 2 + 1 / frames)) + 2

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Blur along one path."""
        length, jitter = (draw(r, random) for r in (self.length, self.jitter))
        trajectory = draw_trajectory(random, length=length, jitter=jitter)
        if self.frames is not None:
            shutter = draw(self.shutter, random)
            trajectory = expose_frames(trajectory, frames=self.frames, shutter=shutter)
        elif self.sharp == "middle":
            trajectory = seen_from_middle(trajectory)
        gamma = draw(self.gamma, random)
        highlights = draw_highlights(self.highlights, random)
        return blur_by_trajectory(image, trajectory, gamma=gamma, highlights=highlights)


class MovingObject(BaseStep):
    """A thing that moves along its own path before a background that is still, or nearly so."""

    kind: Literal["moving-object"] = "moving-object"
    length: Range
    """Of the thing's path in pixels."""
    ground_length: Range = (0.0, 2.0)
    """Of the background's path: the hand that holds the camera."""
    jitter: Range = (0.0, 0.3)
    """Of both paths; 0 is a straight line."""
    size: Range = (0.1, 0.4)
    """Mean radius of the thing as a share of the sides."""
    gamma: Range = (1.8, 2.4)
    """Exponent from stored values to light."""
    highlights: Highlights = (1.0, 1.0)
    """Light of saturated pixels, where 1 is white; uniform in its logarithm."""

    @model_validator(mode="after")
    def _in_scale(self) -> "MovingObject":
        if not 0 < self.size[0] <= self.size[1] <= 1:
            raise ValueError(f"size is above 0 and at most 1, not {self.size}")
        for name, value in (("length", self.length), ("ground_length", self.ground_length)):
            if not 0 <= value[0] <= value[1] <= 200:
                raise ValueError(f"{name} goes from 0 to 200 at most, not from {value}")
        return self

    @property
    def margin(self) -> int:
        """The truth is the middle of each path, which is straight at most."""
        return int(max(self.length[1], self.ground_length[1]) / 2) + 2

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Move one thing."""
        inside = draw_outline((image.shape[0], image.shape[1]), random, size=self.size)
        jitter = draw(self.jitter, random)
        object_path, ground_path = (
            seen_from_middle(draw_trajectory(random, length=draw(length, random), jitter=jitter))
            for length in (self.length, self.ground_length)
        )
        return blur_moving_object(
            image,
            inside,
            object_path=object_path,
            ground_path=ground_path,
            gamma=draw(self.gamma, random),
            highlights=draw_highlights(self.highlights, random),
        )
