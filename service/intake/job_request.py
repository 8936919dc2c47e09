"""The parameters of a job that a client requests for an upload."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hiir.imaging import ImageFormat, PhotoOptions
from service.catalogue.restoration import Restoration
from service.intake.cache_use import CacheUse
from service.jobs.job import Webhook
from service.jobs.priority import Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """The job to create from an upload."""

    restoration: Restoration
    job_id: str
    """Id of the job in the store."""
    tenant: str
    options: PhotoOptions = field(default_factory=PhotoOptions)
    formats: Sequence[ImageFormat] = ()
    """Formats that the client accepts; empty if it accepts any.

    If the options name no format, and the format of the upload is not among these, the result gets
    the first one.
    """
    priority: Priority = Priority.INTERACTIVE
    client_id: str | None = None
    fingerprint: str | None = None
    webhook: Webhook | None = None
    client_metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    batch_id: str | None = None
    cache_use: CacheUse = field(default_factory=CacheUse)
