"""Bodies of the Open Inference Protocol (KServe v2)."""

from typing import Self

from service.errors import ServiceError
from service.schemas.problem import Problem
from service.schemas.view import View


class InferenceProblem(Problem):
    """A problem with the member that clients of this protocol show."""

    error: str
    """Code and detail."""

    @classmethod
    def of(cls, error: ServiceError, *, instance: str, request_id: str) -> Self:
        """Build the problem document of an error."""
        problem = Problem.of(error, instance=instance, request_id=request_id)
        return cls(**problem.model_dump(), error=f"{problem.code}: {problem.detail}")


class ServerMetadata(View):
    """The service as an inference server."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(View):
    """An input or output."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(View):
    """A task as a model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class OutputTensor(TensorMetadata):
    """The restored image."""

    parameters: dict[str, int | str]
    """`binary_data_size` if the image follows the JSON; otherwise `content_type`, `base64`."""
    data: list[str] | None = None


class InferenceResponse(View):
    """The JSON of a response."""

    model_name: str
    model_version: str
    """Versions of the models that restored the image."""
    id: str
    """Id of the request, if it has one."""
    parameters: dict[str, bool | str]
    """The job's id, the media type and SHA-256 of the file, and whether it was cached."""
    outputs: list[OutputTensor]
