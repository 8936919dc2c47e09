"""What a client asks for beside the image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hiir.imaging import ImageFormat, PhotoOptions
from service.catalogue.restoration import Restoration
from service.intake.cache_use import CacheUse
from service.jobs.job import Webhook
from service.jobs.priority import Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """A job that is to be made of one upload."""

    restoration: Restoration
    job_id: str
    """The store's id."""
    tenant: str
    options: PhotoOptions = field(default_factory=PhotoOptions)
    formats: Sequence[ImageFormat] = ()
    """Formats that the client accepts; none for any. Without a format in the options, and if the
    image's own is not among them, the result gets the first."""
    priority: Priority = Priority.INTERACTIVE
    client_id: str | None = None
    fingerprint: str | None = None
    webhook: Webhook | None = None
    client_metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    batch_id: str | None = None
    cache_use: CacheUse = field(default_factory=CacheUse)
