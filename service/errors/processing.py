"""How an accepted job can end without a result; kept with the job."""

from service.errors.base import ServiceError


class ProcessingError(ServiceError):
    """How an accepted job can end without a result."""

    code, title = "processing-failed", "Processing failed"


class WorkerLostError(ProcessingError):
    """Every worker that took the job died over it."""

    code, title, retryable = "worker-lost", "Worker lost", True


class JobTimeoutError(ProcessingError):
    """The job ran longer than a job may."""

    code, title = "timeout", "Job timed out"


class OutOfMemoryError(ProcessingError):
    """The worker had not enough memory for the image."""

    code, title = "out-of-memory", "Out of memory"


class GpuOutOfMemoryError(ProcessingError):
    """The inference server had not enough memory, even for one tile at a time."""

    code, title, retryable = "gpu-out-of-memory", "Inference server out of memory", True


class InputExpiredError(ProcessingError):
    """The upload was gone before a worker could take the job."""

    code, title, retryable = "input-expired", "Input expired", True


class InferenceFailedError(ProcessingError):
    """Triton answered, and refused the tile."""

    code, title = "inference-failed", "Inference failed"


class ModelMismatchError(ProcessingError):
    """Triton serves another model than the repository's contract describes."""

    code, title = "model-mismatch", "Model does not match its contract"


class ModelOutputInvalidError(ProcessingError):
    """The model's answer cannot be an image."""

    code, title, retryable = "model-output-invalid", "Invalid model output", True


class CodecFailedError(ProcessingError):
    """The process that writes image files came to an end."""

    code, title, retryable = "codec-failed", "Encoding failed", True


class StoreFaultError(ProcessingError):
    """Redis answered, and refused a command: a defect of ours or of its set-up."""

    code, title = "store-fault", "Job store fault"
