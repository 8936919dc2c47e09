"""Tasks and the models that do them."""

from typing import Self

from hiir.imaging import ModelContract, available_formats
from service.catalogue.tasks import Task
from service.limits import Limits
from service.schemas.view import View


class ModelView(View):
    """A served model, by whose own name it can be asked for too."""

    name: str
    version: str
    sha256: str
    """Of the weights."""
    architecture: str
    precision: str
    """What it computes in, `fp32` or `fp16`."""
    scale: int
    input_channels: int
    """1 for gray images, 3 for colour, 6 for two views in colour."""
    output_channels: int
    tile: int
    overlap: int
    seconds_per_megapixel: float | None
    """Of input, as the last jobs took it here; null before the first."""
    quality: dict[str, float]
    """Figures that were measured for these weights."""

    @classmethod
    def of(
        cls, contract: ModelContract, *, precision: str, seconds_per_megapixel: float | None
    ) -> Self:
        """A model as it is shown."""
        return cls(
            name=contract.name,
            version=contract.version,
            sha256=contract.sha256,
            architecture=contract.architecture,
            precision=precision,
            scale=contract.scale,
            input_channels=contract.input_channels,
            output_channels=contract.output_channels,
            tile=contract.tile,
            overlap=contract.overlap,
            seconds_per_megapixel=seconds_per_megapixel,
            quality=dict(contract.quality),
        )


class ParameterView(View):
    """A parameter that belongs to a task."""

    name: str
    values: list[str]
    required: bool


class TaskView(View):
    """One thing that the service does."""

    name: str
    summary: str
    parameters: list[ParameterView]
    scales: list[int]
    """Factors by which it enlarges; 1 for one that does not."""
    channels: list[int]
    """Of the images that its models take."""
    min_side: int
    max_side: int
    max_pixels: dict[str, int]
    """Most pixels of an image, by scale."""
    formats: list[str]
    models: list[ModelView]
    """Which of them restores an image follows from the image; the preferred one comes first."""

    @classmethod
    def of(cls, task: Task, limits: Limits, *, models: list[ModelView]) -> Self:
        """A task under the service's limits."""
        return cls(
            name=task.name,
            summary=task.summary,
            parameters=[
                ParameterView(
                    name=parameter.name,
                    values=list(parameter.values),
                    required=parameter.required,
                )
                for parameter in task.parameters
            ],
            scales=list(task.scales),
            channels=sorted({model.input_channels for model in task.models}),
            min_side=limits.min_side,
            max_side=limits.side,
            max_pixels={
                str(scale): min(limits.pixels, limits.output_pixels // scale**2)
                for scale in task.scales
            },
            formats=[item.value for item in available_formats()],
            models=models,
        )


class TaskList(View):
    """Everything that the service does."""

    tasks: list[TaskView]
