"""Cache of a tenant's results: the same files, request and models give the same bytes.

The cache stores no files itself. An entry lists the jobs with the same request, and a job can be
found as long as it has its result. A hit creates a new job with copies of the stored files: each
job owns its files, so deleting one job never removes the files of another.
"""

import hashlib
import json
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace

from service.catalogue.restoration import Restoration
from service.errors import StoreFullError
from service.intake.job_request import JobRequest
from service.intake.receive import Upload
from service.jobs.blobs import BlobStore
from service.jobs.job import Job, JobStatus, Progress, Stage
from service.jobs.store import JobStore
from service.jobs.stored_image import StoredImage
from service.observability.metrics import CacheMetrics

_FORMAT_OF_KEYS = 1
"""Version of the cache keys; increase it when the same request must give a new result in a release.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedResult:
    """The files of an earlier job, copied for a new one."""

    origin: Job
    result: StoredImage
    source_preview: StoredImage | None
    result_preview: StoredImage | None


class ResultCache:
    """Finds and copies earlier results; thread-safe."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        blobs: BlobStore,
        metrics: CacheMetrics,
        enabled: bool,
        names_files: bool,
    ) -> None:
        """Build the cache of all tenants.

        Args:
            jobs: the jobs that have results.
            blobs: the files of these jobs.
            metrics: counts hits and misses.
            enabled: whether earlier results are used at all.
            names_files: whether the blob store keeps the download filename, so that a photo with
                another name needs another file.
        """
        self.enabled = enabled
        self._jobs = jobs
        self._blobs = blobs
        self._metrics = metrics
        self._names_files = names_files

    def take(
        self, upload: Upload, request: JobRequest, *, seconds: int
    ) -> tuple[str | None, CachedResult | None]:
        """Copy an earlier result and keep the copy for `seconds`.

        Returns:
            The key of the request, or None if its result must not be reused; and the copy. The copy
            is None if the request declines the cache, if no job has the result, if the result
            expires during the copy, or if there is no room for the copy.
        """
        if not self.enabled:
            return None, None
        use = request.cache_use
        key = self._key_of(upload, request) if use.writes else None
        if key is None or not use.reads:
            self._metrics.count("bypass")
            return key, None
        found = self._find(key, request)
        copied = None if found is None else self._copied(found, seconds=seconds)
        self._metrics.count("miss" if copied is None else "hit")
        return key, copied

    def has(self, upload: Upload, request: JobRequest) -> bool:
        """Return whether `take` would return a copy, provided that there is room for one."""
        if not self.enabled or not request.cache_use.reads:
            return False
        return self._find(self._key_of(upload, request), request) is not None

    def _key_of(self, upload: Upload, request: JobRequest) -> str:
        """Return the key of the request: 64 hex digits.

        The key must be known before the photo is decoded. It therefore covers every model that the
        request may choose, and the formats that the client accepts.
        """
        wanted, options = request.restoration, request.options
        asked = {
            "format_of_keys": _FORMAT_OF_KEYS,
            "files": [_sha256_of(upload), upload.right_from],
            "filename": upload.filename if self._names_files else None,
            "task": wanted.name,
            "steps": [[step.task.name, dict(step.parameters)] for step in wanted.steps],
            "models": sorted(_models_of(wanted)),
            "options": options.to_json(),
            "formats": [] if options.format else [item.value for item in request.formats],
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def _find(self, key: str, request: JobRequest) -> Job | None:
        """Return a job of the tenant that currently has this result."""
        models, now = _models_of(request.restoration), self._jobs.now()
        for job in self._jobs.cached(key, tenant=request.tenant):
            used = {(step.model, step.model_sha256) for step in job.steps}
            # A model may have been replaced between the submission and the restoration.
            if job.has_result(now=now) and job.tenant == request.tenant and used <= models:
                return job
        return None

    def _copied(self, job: Job, *, seconds: int) -> CachedResult | None:
        result = self._copy(job.result, seconds=seconds)
        if result is None:
            return None
        return CachedResult(
            origin=job,
            result=result,
            source_preview=self._copy(job.source_preview, seconds=seconds),
            result_preview=self._copy(job.result_preview, seconds=seconds),
        )

    def _copy(self, image: StoredImage | None, *, seconds: int) -> StoredImage | None:
        if image is None:
            return None
        blob = None
        with suppress(StoreFullError):
            blob = self._blobs.copy(image.blob, seconds=seconds)
        return None if blob is None else replace(image, blob=blob)


def unstored(source: StoredImage) -> StoredImage:
    """Return the upload of a cached result, with the id of a blob that is not stored."""
    return replace(source, blob=replace(source.blob, id=uuid.uuid4().hex))


def ended_job(job: Job, cached: CachedResult, *, result_seconds: int) -> Job:
    """Return a new job that has already ended, with an earlier result."""
    return replace(
        job,
        status=JobStatus.SUCCEEDED,
        progress=Progress(stage=Stage.DONE),
        cached=True,
        result=cached.result,
        source_preview=cached.source_preview,
        result_preview=cached.result_preview,
        warnings=cached.origin.warnings,
        finished_at=job.created_at,
        expires_at=job.created_at + result_seconds,
    )


def _models_of(request: Restoration) -> set[tuple[str, str]]:
    """Return the name and SHA-256 of every model that may run a step."""
    return {
        (model.name, model.sha256)
        for step in request.steps or request.choices
        for model in step.task.models
    }


def _sha256_of(upload: Upload) -> str:
    if upload.stored is not None:
        return upload.stored.sha256
    digest = hashlib.sha256()
    for piece in upload.pieces():
        digest.update(piece)
    return digest.hexdigest()
