"""Failures of the service, most of them of accepted jobs."""

from hiir_client.errors.base import ApiError


class ProcessingError(ApiError):
    """The service accepted the job, or the request, and failed."""


class InternalError(ProcessingError):
    """The service has a defect; its log has the details under the request id."""

    code = "internal-error"


class WorkerLostError(ProcessingError):
    """Every worker that took the job crashed, was killed or lost its connection."""

    code = "worker-lost"


class JobTimeoutError(ProcessingError):
    """The job exceeded its time limit."""

    code = "timeout"


class OutOfMemoryError(ProcessingError):
    """The worker ran out of memory."""

    code = "out-of-memory"


class GpuOutOfMemoryError(ProcessingError):
    """The inference server ran out of memory, even with one tile at a time."""

    code = "gpu-out-of-memory"


class InputExpiredError(ProcessingError):
    """The upload expired before a worker could start the job."""

    code = "input-expired"


class InferenceFailedError(ProcessingError):
    """Triton rejected the tile, or kept failing."""

    code = "inference-failed"


class ModelMismatchError(ProcessingError):
    """Triton and the workers have had different versions of the model for too long."""

    code = "model-mismatch"


class ModelOutputInvalidError(ProcessingError):
    """The model's output is not a valid image."""

    code = "model-output-invalid"


class CodecFailedError(ProcessingError):
    """The process that encodes images crashed."""

    code = "codec-failed"


class StoreFaultError(ProcessingError):
    """Redis rejected a command: a defect of the service or of its configuration."""

    code = "store-fault"
