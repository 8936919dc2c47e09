"""How an accepted job can fail; stored with the job."""

from service.errors.base import ServiceError


class ProcessingError(ServiceError):
    """An accepted job failed."""

    code, title = "processing-failed", "Processing failed"


class WorkerLostError(ProcessingError):
    """Every worker that took the job crashed, was killed or lost its connection."""

    code, title, retryable = "worker-lost", "Worker lost", True


class JobTimeoutError(ProcessingError):
    """The job exceeded its time limit."""

    code, title = "timeout", "Job timed out"


class OutOfMemoryError(ProcessingError):
    """The worker ran out of memory."""

    code, title = "out-of-memory", "Out of memory"


class GpuOutOfMemoryError(ProcessingError):
    """The inference server ran out of memory, even with one tile at a time."""

    code, title, retryable = "gpu-out-of-memory", "Inference server out of memory", True


class InputExpiredError(ProcessingError):
    """The upload expired before a worker could start the job."""

    code, title, retryable = "input-expired", "Input expired", True


class InferenceFailedError(ProcessingError):
    """Triton rejected the tile, or kept failing."""

    code, title = "inference-failed", "Inference failed"


class ModelMismatchError(ProcessingError):
    """Triton and the workers have had different versions of the model for too long."""

    code, title = "model-mismatch", "Model does not match its contract"
    retryable = True


class ModelOutputInvalidError(ProcessingError):
    """The model's output is not a valid image."""

    code, title, retryable = "model-output-invalid", "Invalid model output", True


class CodecFailedError(ProcessingError):
    """The process that encodes images crashed."""

    code, title, retryable = "codec-failed", "Encoding failed", True


class StoreFaultError(ProcessingError):
    """Redis rejected a command: a defect of the service or of its configuration."""

    code, title = "store-fault", "Job store fault"
