"""Motion blur of the camera, and of an object in front of it."""

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
    """Blur by a shaking camera."""

    kind: Literal["motion"] = "motion"
    length: Range
    """Length of the path in pixels."""
    jitter: Range = (0.0, 0.7)
    """Strength of the hand's random motion; 0 is a straight path, as of a panning camera."""
    gamma: Range = (1.0, 2.2)
    """Exponent from stored values to linear light."""
    frames: int | None = Field(default=None, ge=2, le=64)
    """Number of frames of a high-speed camera that are averaged, one of which is the sharp image;
    null models one long exposure.
    """
    shutter: Range = (0.2, 1.0)
    """Share of each frame's time during which the shutter is open."""
    sharp: Literal["mean", "middle"] = "mean"
    """Position on the path at which the clean photo is: the mean, or the position at half of the
    exposure.
    """
    highlights: Highlights = (1.0, 1.0)
    """Linear light of saturated pixels, where 1 is white; uniform in its logarithm."""

    @model_validator(mode="after")
    def _open(self) -> "Motion":
        if not 0 < self.shutter[0] <= self.shutter[1] <= 1:
            raise ValueError(f"shutter must be above 0 and at most 1, not {self.shutter}")
        if self.frames is not None and self.sharp != "mean":
            raise ValueError("frames and sharp exclude each other: give one of them")
        return self

    @property
    def margin(self) -> int:
        """The reach of a straight path: half of its length, plus a frame if frames are averaged."""
        frames = self.frames or np.inf
        return int(self.length[1] * (1 / 2 + 1 / frames)) + 2

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Blur the image along one random path."""
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
    """An object that moves along its own path in front of a still, or nearly still, background."""

    kind: Literal["moving-object"] = "moving-object"
    length: Range
    """Length of the object's path in pixels."""
    ground_length: Range = (0.0, 2.0)
    """Length of the background's path in pixels: the motion of the hand that holds the camera."""
    jitter: Range = (0.0, 0.3)
    """Strength of the random motion on both paths; 0 is a straight line."""
    size: Range = (0.1, 0.4)
    """Mean radius of the object as a share of the sides."""
    gamma: Range = (1.8, 2.4)
    """Exponent from stored values to linear light."""
    highlights: Highlights = (1.0, 1.0)
    """Linear light of saturated pixels, where 1 is white; uniform in its logarithm."""

    @model_validator(mode="after")
    def _in_scale(self) -> "MovingObject":
        if not 0 < self.size[0] <= self.size[1] <= 1:
            raise ValueError(f"size must be above 0 and at most 1, not {self.size}")
        for name, value in (("length", self.length), ("ground_length", self.ground_length)):
            if not 0 <= value[0] <= value[1] <= 200:
                raise ValueError(f"{name} must be within 0 to 200, not {value}")
        return self

    @property
    def margin(self) -> int:
        """Half of the longest paths: the ground truth is the middle of each path."""
        return int(max(self.length[1], self.ground_length[1]) / 2) + 2

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Draw an object and both paths, and blur the image."""
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
