"""The request that a run sends to the service for every photo."""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hiir.cli.photos.plan import PhotoPlanError
from hiir.imaging.region import Region

if TYPE_CHECKING:
    from hiir_client import Task
    from hiir_client.models import Priority

__all__ = ["RestoreRequest", "add_parameters", "read_region", "read_request"]

_PARAMETERS = {
    "scale": ("FACTOR", "upscaling factor of super-resolution"),
    "source": ("KIND", "what super-resolution enlarges: clean files, or photo (noisy, compressed)"),
    "noise_level": ("LEVEL", "standard deviation of the noise on the scale of 255, or `auto`"),
    "pattern": ("PATTERN", "colors of a sensor mosaic, row by row: RGGB, BGGR, GRBG or GBRG"),
}
"""Parameters of specific tasks, with the placeholder and the text of the help."""
_OPTIONS = {
    "format": ("FORMAT", "format of the results, such as jpeg; `same` keeps that of each photo"),
    "quality": ("1-100", "quality of JPEG, WebP, AVIF and HEIC"),
    "bit_depth": ("BITS", "bits per sample: 8, 16 or preserve"),
    "metadata": ("POLICY", "what to keep of EXIF and XMP: keep, keep-no-gps or strip"),
    "color": ("POLICY", "keep the color profile (preserve), or convert to srgb"),
    "background": ("#RRGGBB", "color to flatten transparency onto"),
    "frame": ("NUMBER", "frame or page to restore, from 0"),
    "strength": ("0-100", "share of the restoration in percent; the rest is the photo"),
    "region": ("X,Y,W,H", "restore only this part, in pixels of the upright photo"),
}
"""Options of the result, for every task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """A task with its parameters and the options of the result."""

    task: str
    """Name of the task, or several tasks with their values."""
    fields: Mapping[str, str]
    """Form fields in addition to the task and the file."""
    models: frozenset[str]
    """SHA-256 of the weights of each model that the service may choose."""
    megapixel_seconds: float | None
    """Seconds per megapixel of input, measured by the service; None before its first job."""
    tiling: tuple[int, int] | None = None
    """Side and overlap of the model's tiles, the largest of all models of the task."""
    priority: "Priority | None" = None
    """Priority of the jobs; it is not in `fields`, because it does not change a result."""
    no_cache: bool = False
    """Whether photos are restored even if the service has their results; not in `fields` either."""

    @property
    def image_format(self) -> str:
        """Format of the results; `same` keeps that of each photo."""
        return self.fields.get("format", "same")

    def key(self, content: bytes, right: bytes | None = None) -> str:
        """Return the hash of a photo and its request, without the hash of the model."""
        digests = [hashlib.sha256(view).hexdigest() for view in (content, right or b"")]
        text = json.dumps([self.task, dict(self.fields), digests], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def read_region(text: str | None) -> Region | None:
    """Parse `--region`.

    Raises:
        PhotoPlanError: if it is not a valid region.
    """
    if text is None:
        return None
    try:
        return Region.parse(text)
    except ValueError as error:
        raise PhotoPlanError(
            f"--region is X,Y,W,H in whole pixels of the upright photo, not {text!r}."
        ) from error


def add_parameters(parser: argparse.ArgumentParser) -> None:
    """Add the parameters of the API to a command, each as an option."""
    for name, (placeholder, text) in {**_PARAMETERS, **_OPTIONS}.items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar=placeholder, help=text)
    parser.add_argument("--lossless", action="store_true", help="write WebP without loss")
    parser.add_argument(
        "--priority",
        choices=("interactive", "batch"),
        help="`batch` for photos that are not urgent: they leave a slot to interactive jobs",
    )
    parser.add_argument(
        "--no-cache",
        action="store_true",
        help="restore photos even if the service has their results from earlier jobs",
    )
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other parameter of the API; can be repeated",
    )


def read_request(options: argparse.Namespace, tasks: Sequence["Task"]) -> RestoreRequest:
    """Return the request that the options specify, validated against the service's tasks.

    Raises:
        PhotoPlanError: if the task is unknown, or does not have a given parameter.
    """
    fields = {
        name: str(getattr(options, name))
        for name in (*_PARAMETERS, *_OPTIONS)
        if getattr(options, name) is not None
    }
    read_region(options.region)
    fields |= {"lossless": "true"} if options.lossless else {}
    for text in options.parameter:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise PhotoPlanError(f"--parameter is NAME=VALUE, not {text!r}.")
        if name in {"task", "tasks", *fields}:
            raise PhotoPlanError(f"The parameter {name} is given twice.")
        fields[name] = value
    if options.tasks is not None:
        return _chain(options, fields, tasks)
    task = _find_task(options.task, tasks)
    known = {parameter.name: parameter for parameter in task.parameters}
    for name in _PARAMETERS:
        if name in fields and name not in known:
            takes = ", ".join(known) or "none"
            raise PhotoPlanError(f"{options.task} has no parameter {name}; it has: {takes}.")
    for parameter in task.parameters:
        # A raw file contains its pattern, so only a parameter that every photo needs is required.
        if parameter.required and parameter.name not in fields:
            values = ", ".join(parameter.values)
            option = parameter.name.replace("_", "-")
            raise PhotoPlanError(f"{options.task} needs --{option}, one of {values}.")
    models = [model for model in task.models if options.task in {task.name, model.name}]
    measured = [model.seconds_per_megapixel for model in models if model.seconds_per_megapixel]
    return RestoreRequest(
        task=options.task,
        fields=fields,
        models=frozenset(model.sha256 for model in models),
        megapixel_seconds=max(measured, default=None),
        tiling=max(((model.tile, model.overlap) for model in models), default=None),
        priority=options.priority,
        no_cache=options.no_cache,
    )


def _chain(
    options: argparse.Namespace, fields: Mapping[str, str], tasks: Sequence["Task"]
) -> RestoreRequest:
    """Return several tasks as one request; the service validates their values."""
    for name in _PARAMETERS:
        if name in fields:
            raise PhotoPlanError(
                f"--tasks takes the value of {name} behind a colon, as in denoise:25."
            )
    names = [item.partition(":")[0].strip() for item in options.tasks.split(",")]
    found = [_find_task(name, tasks) for name in names]
    return RestoreRequest(
        task=options.tasks,
        fields=fields,
        models=frozenset(model.sha256 for task in found for model in task.models),
        megapixel_seconds=None,
        priority=options.priority,
        no_cache=options.no_cache,
    )


def _find_task(name: str, tasks: Sequence["Task"]) -> "Task":
    for task in tasks:
        if name == task.name or name in {model.name for model in task.models}:
            return task
    known = ", ".join(task.name for task in tasks)
    raise PhotoPlanError(f"The service has no task or model {name!r}; its tasks: {known}.")
