"""A requested restoration: one task, several in order, or the tasks that the analysis suggests.

task=denoise                                        one step
tasks=jpeg-artifacts,denoise:25,super-resolution:2  a chain of steps
task=auto                                           the steps that the photo's analysis suggests
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hiir.imaging import Suggestion
from service.catalogue.tasks import AUTO, TASK_PARAMETERS, Task, TaskCatalogue, TaskRequest
from service.errors import InvalidParameterError, MissingTaskError

CHAIN = "chain"
"""Name of a job with several tasks."""
TASK, TASKS = "task", "tasks"
_MAX_STEPS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """Tasks that run one after the other, for any image."""

    name: str
    """Name of the task, `auto` or `chain`."""
    steps: tuple[TaskRequest, ...]
    choices: tuple[TaskRequest, ...] = ()
    """For `auto`: the tasks that an analysis may suggest."""

    @property
    def is_auto(self) -> bool:
        """Whether an analysis has yet to suggest the steps."""
        return bool(self.choices)

    @property
    def scale(self) -> int:
        """Upscaling factor of all steps combined, along each side."""
        scale = 1
        for step in self.steps:
            scale *= step.scale
        return scale

    @property
    def takes_mosaics(self) -> bool:
        """Whether the first step takes sensor mosaics."""
        return bool(self.steps) and self.steps[0].task.takes_mosaics

    def following(self, suggestions: Sequence[Suggestion]) -> "Restoration":
        """Return the restoration with the steps that an analysis suggests, which may be none."""
        steps = [
            choice for task in suggestions for choice in self.choices if choice.task.name == task
        ]
        return replace(self, steps=tuple(steps), choices=())


def read_restoration(tasks: TaskCatalogue, given: Mapping[str, str]) -> Restoration:
    """Parse `task` with its parameters, or `tasks`.

    Raises:
        MissingTaskError: if neither is given.
        UnknownTaskError: if there is no task with that name.
        InvalidParameterError: if both are given, or a chain is not possible.
        ServiceError: the errors of `Task.request`.
    """
    if TASKS in given:
        return _chain(tasks, given)
    if not given.get(TASK):
        known = ", ".join(tasks.names)
        raise MissingTaskError(
            f"The request must name a task, or several as {TASKS}: {known}.", limit=known
        )
    request = tasks.find(given[TASK]).request(
        {name: given[name] for name in TASK_PARAMETERS if name in given}
    )
    if request.task.name == AUTO:
        choices = (tasks.get(task) for task in Suggestion)
        found = tuple(task.request({}) for task in choices if task is not None)
        return Restoration(name=AUTO, steps=(), choices=found)
    return Restoration(name=request.task.name, steps=(request,))


def _chain(tasks: TaskCatalogue, given: Mapping[str, str]) -> Restoration:
    misplaced = [name for name in (TASK, *TASK_PARAMETERS) if name in given]
    if misplaced:
        raise InvalidParameterError(
            f"{TASKS} names all tasks with their values, as in denoise:25,super-resolution:2, and "
            f"excludes {', '.join((TASK, *TASK_PARAMETERS))}.",
            actual=misplaced[0],
        )
    items = given[TASKS].split(",")
    if len(items) > _MAX_STEPS:
        raise InvalidParameterError(
            f"{TASKS} names at most {_MAX_STEPS} tasks.", limit=_MAX_STEPS, actual=len(items)
        )
    steps = tuple(_step(tasks, item.strip()) for item in items)
    for step in steps[1:]:
        if step.task.takes_mosaics:
            raise InvalidParameterError(
                f"{step.task.name} must be the first task: it takes the mosaic of a sensor.",
                limit=1,
                actual=steps.index(step) + 1,
            )
    name = steps[0].task.name if len(steps) == 1 else CHAIN
    return Restoration(name=name, steps=steps)


def _step(tasks: TaskCatalogue, item: str) -> TaskRequest:
    """Parse `task` or `task:value`; the value belongs to the task's first parameter."""
    name, separator, value = item.partition(":")
    task: Task = tasks.find(name)
    if task.name == AUTO:
        raise InvalidParameterError(
            f"{AUTO} chooses tasks itself: request it alone, as {TASK}={AUTO}.", actual=AUTO
        )
    if not separator:
        return task.request({})
    if not task.parameters:
        raise InvalidParameterError(f"{name} takes no value.", actual=item[:100])
    return task.request({task.parameters[0].name: value})
