"""A client of Hi-IR Restore: restore images over HTTP, from synchronous and asynchronous code.

Begin with `Client.restore`. The protocol is implemented by generators that yield effects
(`effects`), which the drivers perform; both clients therefore behave in the same way.
"""

from hiir_client.analysis import Analysis, AnalysisConfidence
from hiir_client.async_client import AsyncClient
from hiir_client.connection import VERSION
from hiir_client.download import Result
from hiir_client.errors import (
    ApiError,
    ConnectionLostError,
    HiirClientError,
    ResultCorruptError,
    ResultExistsError,
    UnexpectedResponseError,
    WaitTimeoutError,
    WebhookVerificationError,
)
from hiir_client.models import (
    Batch,
    Delivery,
    DryRun,
    Job,
    JobEvent,
    JobState,
    Link,
    Progress,
    Step,
    StreamEvent,
    Task,
)
from hiir_client.rate_limits import RateLimit
from hiir_client.retries import RetryPolicy
from hiir_client.submission import BatchOptions, JobOptions
from hiir_client.sync_client import Client
from hiir_client.webhook import WebhookMessage, verify_webhook

__version__ = VERSION

__all__ = [
    "Analysis",
    "AnalysisConfidence",
    "ApiError",
    "AsyncClient",
    "Batch",
    "BatchOptions",
    "Client",
    "ConnectionLostError",
    "Delivery",
    "DryRun",
    "HiirClientError",
    "Job",
    "JobEvent",
    "JobOptions",
    "JobState",
    "Link",
    "Progress",
    "RateLimit",
    "Result",
    "ResultCorruptError",
    "ResultExistsError",
    "RetryPolicy",
    "Step",
    "StreamEvent",
    "Task",
    "UnexpectedResponseError",
    "WaitTimeoutError",
    "WebhookMessage",
    "WebhookVerificationError",
    "__version__",
    "verify_webhook",
]
