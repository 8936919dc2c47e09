"""Bodies about tasks and models."""

from typing import Self

from hiir.imaging import ImageFormat, ModelContract
from service.catalogue.tasks import Task
from service.limits import Limits
from service.schemas.view import View


class ModelView(View):
    """A served model; its name can be used as a task, too."""

    name: str
    version: str
    sha256: str
    """SHA-256 of the weights, in lowercase hex."""
    architecture: str
    precision: str
    """Precision of the computation: `fp32`, `fp16`, or `bf16` if the CPU supports it."""
    scale: int
    source: str
    """Kind of files that super-resolution enlarges: `clean`, or `photo` (noisy, compressed)."""
    input_channels: int
    """1 for gray images, 3 for color, 6 for two views in color."""
    output_channels: int
    tile: int
    overlap: int
    seconds_per_megapixel: float | None
    """Measured on recent jobs, per megapixel of input; null before the first job."""
    quality: dict[str, float]
    """Measured quality of these weights."""

    @classmethod
    def of(
        cls, contract: ModelContract, *, precision: str, seconds_per_megapixel: float | None
    ) -> Self:
        """Build the view of a model."""
        return cls(
            name=contract.name,
            version=contract.version,
            sha256=contract.sha256,
            architecture=contract.architecture,
            precision=precision,
            scale=contract.scale,
            source=contract.source,
            input_channels=contract.image_channels,
            output_channels=contract.output_channels,
            tile=contract.tile,
            overlap=contract.overlap,
            seconds_per_megapixel=seconds_per_megapixel,
            quality=dict(contract.quality),
        )


class ParameterView(View):
    """A parameter of a task."""

    name: str
    values: list[str]
    """All allowed values; if numbers are allowed, the words that are allowed in addition."""
    required: bool
    minimum: float | None
    """Lowest allowed number; null if numbers are not allowed."""
    maximum: float | None


class TaskView(View):
    """A task of the service."""

    name: str
    summary: str
    parameters: list[ParameterView]
    scales: list[int]
    """Upscaling factors; 1 if the task does not upscale."""
    channels: list[int]
    """Input channels of the models."""
    min_side: int
    max_side: int
    max_pixels: dict[str, int]
    """Maximum number of input pixels, by scale."""
    formats: list[str]
    """Formats that can be read; the parameter `format` lists those that can be written."""
    models: list[ModelView]
    """Models of the task, the preferred one first; the image determines which one restores it."""

    @classmethod
    def of(cls, task: Task, limits: Limits, *, models: list[ModelView]) -> Self:
        """Build the view of a task under the service's limits."""
        return cls(
            name=task.name,
            summary=task.summary,
            parameters=[
                ParameterView(
                    name=parameter.name,
                    values=list(parameter.values),
                    required=parameter.required,
                    minimum=None if parameter.numbers is None else parameter.numbers[0],
                    maximum=None if parameter.numbers is None else parameter.numbers[1],
                )
                for parameter in task.parameters
            ],
            scales=list(task.scales),
            channels=sorted({model.image_channels for model in task.models}),
            min_side=limits.min_side,
            max_side=limits.side,
            max_pixels={
                str(scale): min(limits.pixels, limits.output_pixels // scale**2)
                for scale in task.scales
            },
            formats=[item.value for item in ImageFormat],
            models=models,
        )


class TaskList(View):
    """All tasks of the service."""

    tasks: list[TaskView]
