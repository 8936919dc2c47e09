"""Translates failed calls to Triton: the service's error, and for how many seconds to retry."""

import re
from collections.abc import Mapping
from enum import Enum, auto

import grpc
from tritonclient.utils import InferenceServerException

from service.errors import (
    GpuOutOfMemoryError,
    InferenceFailedError,
    InferenceUnavailableError,
    ModelMismatchError,
    ServiceError,
)
from service.settings import InferenceSettings


class ErrorKind(Enum):
    """Class of a failed call, which determines whether it is retried."""

    UNAVAILABLE = auto()
    """The server does not answer: it is starting, restarting or overloaded."""
    SERVER_ERROR = auto()
    """The server reports an internal error, which may be temporary."""
    OUT_OF_MEMORY = auto()
    """The server is out of memory; fewer tiles may fit."""
    REJECTED = auto()
    """The server would reject the same request again."""


ERROR_KINDS: Mapping[grpc.StatusCode, ErrorKind] = {
    grpc.StatusCode.ABORTED: ErrorKind.UNAVAILABLE,
    grpc.StatusCode.CANCELLED: ErrorKind.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: ErrorKind.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ErrorKind.UNAVAILABLE,
    grpc.StatusCode.UNAVAILABLE: ErrorKind.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS: ErrorKind.SERVER_ERROR,
    grpc.StatusCode.INTERNAL: ErrorKind.SERVER_ERROR,
    grpc.StatusCode.NOT_FOUND: ErrorKind.SERVER_ERROR,
    grpc.StatusCode.UNKNOWN: ErrorKind.SERVER_ERROR,
    grpc.StatusCode.ALREADY_EXISTS: ErrorKind.REJECTED,
    grpc.StatusCode.FAILED_PRECONDITION: ErrorKind.REJECTED,
    grpc.StatusCode.INVALID_ARGUMENT: ErrorKind.REJECTED,
    grpc.StatusCode.OK: ErrorKind.REJECTED,
    grpc.StatusCode.OUT_OF_RANGE: ErrorKind.REJECTED,
    grpc.StatusCode.PERMISSION_DENIED: ErrorKind.REJECTED,
    grpc.StatusCode.UNAUTHENTICATED: ErrorKind.REJECTED,
    grpc.StatusCode.UNIMPLEMENTED: ErrorKind.REJECTED,
}


# Triton has no status code for this error: CUDA, TensorRT, ONNX Runtime's arena and C++ use
# different messages.
_OUT_OF_MEMORY = re.compile(
    r"out of memory|failed to allocate|bad_alloc|cudaErrorMemoryAllocation|OOM\b", re.IGNORECASE
)


def translate_triton_error(
    error: Exception, settings: InferenceSettings
) -> tuple[ServiceError, float]:
    """Return the service's error for a tritonclient or gRPC error.

    Also returns for how many seconds to retry.
    """
    status = _status(error)
    match _error_kind(status, error):
        case ErrorKind.UNAVAILABLE:
            away = InferenceUnavailableError("The inference server does not answer.")
            return away, settings.outage_seconds
        case ErrorKind.OUT_OF_MEMORY:
            memory = GpuOutOfMemoryError(
                "The inference server ran out of memory for a single tile."
            )
            return memory, settings.fault_seconds
        case ErrorKind.SERVER_ERROR if status is grpc.StatusCode.NOT_FOUND:
            missing = ModelMismatchError("The inference server does not serve the model.")
            return missing, settings.fault_seconds
        case ErrorKind.SERVER_ERROR:
            return InferenceFailedError(
                "The inference server kept failing."
            ), settings.fault_seconds
        case ErrorKind.REJECTED:
            return InferenceFailedError("The inference server rejected a tile."), 0.0


def _error_kind(status: grpc.StatusCode | None, error: Exception) -> ErrorKind:
    if status is None:
        return ErrorKind.REJECTED
    kind = ERROR_KINDS.get(status, ErrorKind.REJECTED)
    if kind is not ErrorKind.REJECTED and _OUT_OF_MEMORY.search(str(error)):
        return ErrorKind.OUT_OF_MEMORY
    return kind


def _status(error: Exception) -> grpc.StatusCode | None:
    """Return the gRPC status; None for tritonclient's own errors, which have none."""
    if isinstance(error, InferenceServerException):
        name = str(error.status()).removeprefix("StatusCode.")
        return grpc.StatusCode.__members__.get(name)
    code = getattr(error, "code", None)
    return code() if callable(code) else None
