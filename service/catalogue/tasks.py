"""The tasks, and the choice of the model that performs a task for an image.

A client names a task and sends a photo. The properties of the photo (gray or color, one view or
two) and the task's parameters determine the model, according to the models' contracts.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hiir.imaging import MAX_NOISE_LEVEL, BayerPattern, ModelContract, Suggestion
from service.catalogue.models import ModelCatalogue
from service.errors import (
    InvalidParameterError,
    MissingParameterError,
    MissingTaskError,
    NoModelForImageError,
    UnknownParameterError,
    UnknownTaskError,
)

SCALE, SOURCE, PATTERN, NOISE_LEVEL = "scale", "source", "pattern", "noise_level"
TASK_PARAMETERS = (SCALE, SOURCE, PATTERN, NOISE_LEVEL)
"""Parameters of specific tasks, in contrast to those of every job."""

AUTO = "auto"
"""Value with which the service estimates the noise level, or chooses the task, itself."""

_DECIMAL = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?")
_CHANNELS = {1: "gray images", 3: "color images", 6: "two views in color"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _TaskSpec:
    """A task of the API, and the tasks in the models' contracts that it covers."""

    name: str
    summary: str
    restores: frozenset[str]


_TASK_SPECS = (
    _TaskSpec(
        name="denoise",
        summary="Removes noise of any level.",
        restores=frozenset({"denoise-color", "denoise-gray"}),
    ),
    _TaskSpec(
        name="jpeg-artifacts",
        summary="Removes JPEG compression artifacts of any quality.",
        restores=frozenset({"jpeg-color", "jpeg-gray"}),
    ),
    _TaskSpec(
        name="super-resolution",
        summary="Enlarges a photo.",
        restores=frozenset({"sr-x2", "sr-x3", "sr-x4"}),
    ),
    _TaskSpec(
        name="demosaic",
        summary="Turns a camera's raw sensor mosaic into a photo.",
        restores=frozenset({"demosaic"}),
    ),
    _TaskSpec(
        name="motion-deblur",
        summary="Removes blur caused by camera motion.",
        restores=frozenset({"deblur-motion"}),
    ),
    _TaskSpec(
        name="defocus-deblur",
        summary="Removes blur of parts that are out of focus.",
        restores=frozenset({"deblur-defocus", "deblur-defocus-dp"}),
    ),
    _TaskSpec(
        name="weather",
        summary="Removes rain and its haze, snow, and drops on the lens.",
        restores=frozenset({"weather"}),
    ),
)


_MOSAIC = "demosaic"


def takes_mosaics(model: ModelContract) -> bool:
    """Return whether a model takes sensor mosaics, which have one color per pixel."""
    return model.task == _MOSAIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a task."""

    name: str
    values: tuple[str, ...]
    """All allowed values; if numbers are allowed, the words that are allowed in addition."""
    required: bool
    numbers: tuple[float, float] | None = None
    """Lowest and highest number that are also allowed; None if numbers are not allowed."""

    @property
    def allowed(self) -> str:
        """Description of the allowed values."""
        known = ", ".join(self.values)
        if self.numbers is None:
            return known
        lowest, highest = self.numbers
        return f"{known} or {lowest:g} to {highest:g}"

    def check(self, value: str) -> str:
        """Validate a value, and return it; a number is returned in its shortest form.

        Raises:
            InvalidParameterError: if the value is not allowed.
        """
        if value in self.values:
            return value
        number = _number(value)
        if self.numbers is None or number is None or not _within(number, self.numbers):
            raise InvalidParameterError(
                f"{self.name} must be one of {self.allowed}.",
                limit=self.allowed,
                actual=value[:100],
            )
        return f"{number:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task with at least one served model."""

    name: str
    summary: str
    models: tuple[ModelContract, ...]
    """Models of the task; if several are equivalent, the preferred one comes first."""

    @property
    def scales(self) -> tuple[int, ...]:
        """Upscaling factors of the task, ascending; (1,) if it does not upscale."""
        return tuple(sorted({model.scale for model in self.models}))

    @property
    def takes_mosaics(self) -> bool:
        """Whether the task takes sensor mosaics, which have one color per pixel."""
        return any(takes_mosaics(model) for model in self.models)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the task."""
        if self.name == AUTO:
            return ()
        if self.takes_mosaics:
            # A camera raw file carries its own pattern.
            patterns = tuple(pattern.value.upper() for pattern in BayerPattern)
            return (Parameter(name=PATTERN, values=patterns, required=False),)
        if any(model.noise_level for model in self.models):
            levels = (0.0, MAX_NOISE_LEVEL)
            return (Parameter(name=NOISE_LEVEL, values=(AUTO,), required=False, numbers=levels),)
        if self.scales == (1,):
            return ()
        scales = tuple(map(str, self.scales))
        scale = Parameter(name=SCALE, values=scales, required=len(scales) > 1)
        # The order is that in which the models are preferred.
        sources = tuple(dict.fromkeys(model.source for model in self.models))
        if len(sources) == 1:
            return (scale,)
        return (scale, Parameter(name=SOURCE, values=sources, required=False))

    def request(self, given: Mapping[str, str]) -> "TaskRequest":
        """Parse the parameters of the task.

        Raises:
            MissingParameterError: if a required parameter is missing.
            InvalidParameterError: if a value is not allowed.
            UnknownParameterError: if a parameter belongs to another task.
        """
        accepted = ", ".join(parameter.name for parameter in self.parameters) or "none"
        for name in given:
            if name not in accepted.split(", "):
                raise UnknownParameterError(
                    f"Parameters of {self.name}: {accepted}.", limit=accepted, actual=name
                )
        values: dict[str, str] = {}
        for parameter in self.parameters:
            value = given.get(parameter.name)
            if value is None and len(parameter.values) == 1 and parameter.numbers is None:
                value = parameter.values[0]
            if value is not None:
                values[parameter.name] = parameter.check(value)
            elif parameter.required:
                raise self.missing(parameter.name)
        request = TaskRequest(task=self, parameters=values)
        request.check_source()
        return request

    def missing(self, name: str) -> MissingParameterError:
        """Return the error for a parameter that is required for this image."""
        (known,) = (", ".join(item.values) for item in self.parameters if item.name == name)
        return MissingParameterError(
            f"{self.name} requires {name}, one of {known}.",
            limit=known,
            errors=[{"name": name, "problem": "missing"}],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """A task with its parameters, for any image."""

    task: Task
    parameters: Mapping[str, str]

    @property
    def scale(self) -> int:
        """Upscaling factor along each side."""
        return int(self.parameters.get(SCALE, self.task.scales[0]))

    def check_source(self) -> None:
        """Check that this scale has a model for the source.

        Raises:
            InvalidParameterError: if it has none.
        """
        source = self.parameters.get(SOURCE)
        fitting = sorted({model.scale for model in self.task.models if model.source == source})
        if source is None or self.scale in fitting:
            return
        limit = ", ".join(map(str, fitting))
        raise InvalidParameterError(
            f"{SOURCE}={source} requires {SCALE} to be one of {limit}.",
            limit=limit,
            actual=str(self.scale),
        )

    @property
    def pattern(self) -> BayerPattern | None:
        """Pattern of the mosaic; None if it was not given."""
        pattern = self.parameters.get(PATTERN)
        return None if pattern is None else BayerPattern(pattern.lower())

    def choose_model(self, *, gray: bool, views: int = 1) -> ModelContract:
        """Choose the model for an image.

        A gray image is sent to a gray model, or as three equal channels to a color model.

        Raises:
            NoModelForImageError: if no model takes this kind of image.
        """
        wanted = (views, 3 * views) if gray else (3 * views,)
        models = [
            model
            for model in self.task.models
            if model.scale == self.scale
            and model.source == self.parameters.get(SOURCE, model.source)
        ]
        for channels in wanted:
            for model in models:
                if model.image_channels == channels:
                    return self._taking_parameters(model)
        taken = sorted({model.image_channels for model in self.task.models})
        takes = ", ".join(_CHANNELS.get(count, f"{count} channels") for count in taken)
        image = "gray" if gray else "in color"
        sent = f"{image}, two views" if views > 1 else image
        raise NoModelForImageError(
            f"{self.task.name} takes {takes}; the image is {sent}.", limit=takes, actual=sent
        )

    def _taking_parameters(self, model: ModelContract) -> ModelContract:
        if self.parameters.get(NOISE_LEVEL, AUTO) != AUTO and not model.noise_level:
            raise UnknownParameterError(
                f"{model.name}, which restores such images, takes no {NOISE_LEVEL}.",
                limit=AUTO,
                actual=self.parameters[NOISE_LEVEL],
            )
        return model


class TaskCatalogue:
    """The tasks of a model repository.

    A model whose contract names no task of the API becomes a separate task. Every model can also be
    requested by its own name.
    """

    def __init__(self, models: ModelCatalogue) -> None:
        self._tasks = {task.name: task for task in _tasks(models)}
        suggestible = [self._tasks[name] for name in Suggestion if name in self._tasks]
        if suggestible:
            self._tasks[AUTO] = _auto(suggestible)
        self._models = models

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all tasks."""
        return tuple(self._tasks)

    def get(self, name: str) -> Task | None:
        """Return the task with this name; None if no model performs it."""
        return self._tasks.get(name)

    def find(self, name: str | None) -> Task:
        """Find a task by its name or by the name of a model.

        Raises:
            MissingTaskError: if `name` is None.
            UnknownTaskError: if there is no such task or model.
        """
        known = ", ".join(self._tasks)
        if not name:
            raise MissingTaskError(f"The request must name a task: {known}.", limit=known)
        if name in self._tasks:
            return self._tasks[name]
        for model in self._models:
            if model.name == name:
                return Task(
                    name=name, summary="A single model, requested by its name.", models=(model,)
                )
        raise UnknownTaskError(f"The tasks are: {known}.", limit=known, actual=name[:100])


def _number(text: str) -> float | None:
    """Parse a plain decimal number; returns None for any other text."""
    return float(text) if _DECIMAL.fullmatch(text) else None


def _within(number: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= number <= bounds[1]


def _auto(suggestible: Iterable[Task]) -> Task:
    return Task(
        name=AUTO,
        summary="Analyzes the photo and does what it needs, which may be nothing.",
        models=tuple(model for task in suggestible for model in task.models),
    )


def _tasks(models: Iterable[ModelContract]) -> Iterator[Task]:
    # The model that is named after its task comes before larger or newer ones.
    left = sorted(models, key=lambda model: (model.name != model.task, model.name))
    for kind in _TASK_SPECS:
        fitting = tuple(model for model in left if model.task in kind.restores)
        if fitting:
            yield Task(name=kind.name, summary=kind.summary, models=fitting)
        left = [model for model in left if model not in fitting]
    for name in sorted({model.task for model in left}):
        same = tuple(model for model in left if model.task == name)
        yield Task(name=name, summary="A task of this installation.", models=same)
