"""The steps of a job for one photo: the model and the image region of each step.

Each step restores the output of the previous one. If the job has a region, each step restores the
pixels that the next step needs for its tiles, so that the region's pixels are identical to those of
the whole result.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from hiir.imaging import ModelContract, Region, TilePlan, tiles_of

__all__ = [
    "PlannedStep",
    "Step",
    "plan_steps",
    "result_shape",
    "steps_from_fields",
    "steps_to_fields",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One task of a job, with the model that runs it."""

    task: str
    parameters: Mapping[str, str]
    """Parameters of the task, normalized."""
    model: str
    model_version: str
    model_sha256: str

    @classmethod
    def of(cls, task: str, parameters: Mapping[str, str], model: ModelContract) -> Self:
        """Build the step that `model` runs."""
        return cls(
            task=task,
            parameters=dict(parameters),
            model=model.name,
            model_version=model.version,
            model_sha256=model.sha256,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the step as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Parse the output of `to_json`."""
        return cls(**values)


def steps_to_fields(steps: tuple[Step, ...]) -> dict[str, str]:
    """Return the steps as fields of a record.

    The first step is also written to the fields that Lua and the previous release read.
    """
    first = steps[0] if steps else None
    return {
        "steps": json.dumps([step.to_json() for step in steps]),
        "model": first.model if first else "",
        "model_version": first.model_version if first else "",
        "model_sha256": first.model_sha256 if first else "",
        "parameters": json.dumps(first.parameters if first else {}),
    }


def steps_from_fields(fields: Mapping[str, str]) -> tuple[Step, ...]:
    """Parse the output of `steps_to_fields`."""
    if "steps" in fields:
        return tuple(Step.from_json(values) for values in json.loads(fields["steps"]))
    # This record was written by the previous release.
    return (
        Step(
            task=fields["task"],
            parameters=json.loads(fields.get("parameters", "{}")),
            model=fields["model"],
            model_version=fields["model_version"],
            model_sha256=fields["model_sha256"],
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step, planned for one photo."""

    step: Step
    model: ModelContract
    tiles: TilePlan
    shape: tuple[int, int]
    """Height and width of the whole input image of the step."""
    region: Region | None
    """Part of the input image that is restored; None for the whole image."""
    any_size: bool
    """Whether the model's server accepts tiles of any size."""

    @property
    def pixels(self) -> int:
        """Pixels of the image, or of the tiles that the region needs, without padding."""
        height, width = self.shape
        if self.region is None:
            return height * width
        return self.tiles.pixels_inside(height=height, width=width)


def plan_steps(
    shape: tuple[int, ...],
    steps: Sequence[Step],
    models: Sequence[ModelContract],
    *,
    any_size: Sequence[bool],
    region: Region | None,
) -> tuple[PlannedStep, ...]:
    """Plan the tiles of each step.

    Args:
        shape: shape of the photo, `(H, W, C)`.
        steps: the steps, in order.
        models: the model of each step.
        any_size: whether each model's server accepts tiles of any size.
        region: the part of the photo that the result shows; None for the whole photo.
    """
    sizes = [(shape[0], shape[1])]
    for model in models[:-1]:
        height, width = sizes[-1]
        sizes.append((height * model.scale, width * model.scale))
    planned: list[PlannedStep] = []
    if region is not None:  # the region, in the input of the last step
        region = region.scaled(sizes[-1][0] // shape[0])
    for place in reversed(range(len(models))):
        model, size = models[place], sizes[place]
        free = any_size[place]
        tiles = tiles_of(size, model, any_size=free, region=region)
        step = PlannedStep(
            step=steps[place], model=model, tiles=tiles, shape=size, region=region, any_size=free
        )
        planned.insert(0, step)
        if region is not None and place:
            region = _source_of(tiles, size, scale=models[place - 1].scale)
    return tuple(planned)


def result_shape(
    shape: tuple[int, ...], models: Sequence[ModelContract], region: Region | None
) -> tuple[int, int]:
    """Return height and width of the result for a photo of `(H, W, C)`, or for a region of it."""
    height, width = shape[:2] if region is None else (region.height, region.width)
    scale = math.prod(model.scale for model in models)
    return height * scale, width * scale


def _source_of(tiles: TilePlan, size: tuple[int, int], *, scale: int) -> Region:
    """Return the region, in its own pixels, that the previous step must restore for these tiles."""
    height, width = size
    bottom = min(tiles.top + tiles.height, height)
    right = min(tiles.left + tiles.width, width)
    top, left = tiles.top // scale, tiles.left // scale
    return Region(
        left=left, top=top, width=-(-right // scale) - left, height=-(-bottom // scale) - top
    )
