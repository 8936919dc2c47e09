"""Restores one photo of `hiir restore`, from the file to its result."""

import glob
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hiir.cli.photos.journal import Journal
from hiir.cli.photos.pacing import Pacer
from hiir.cli.photos.plan import PlannedPhoto, with_format
from hiir.cli.photos.request import RestoreRequest
from hiir_client import (
    ApiError,
    Client,
    HiirClientError,
    JobOptions,
    JobState,
    ResultExistsError,
)
from hiir_client.errors import JobNotFoundError, QuotaExceededError, ResultExpiredError

if TYPE_CHECKING:
    from hiir_client import Job

__all__ = ["Outcome", "PhotoRun"]

_EXISTS = "result-exists"
_FRESH_JOBS = 3
"""Number of expired jobs after which a photo fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of one photo."""

    source: str
    status: Literal["restored", "unchanged", "failed"]
    """`unchanged`: an earlier run has restored the photo with the same request and model."""
    target: str
    code: str | None = None
    detail: str | None = None
    request_id: str | None = None
    job_id: str | None = None
    sha256: str | None = None
    """SHA-256 of the result, as stated by the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoRun:
    """Restores the photos of one command. Thread-safe."""

    client: Client
    journal: Journal
    request: RestoreRequest
    pacer: Pacer
    force: bool = False
    """Overwrite existing results."""
    resume: bool = False
    """Skip photos whose results exist according to the journal."""
    keep: bool = False
    """Keep the results on the service until they expire."""
    refused: list[QuotaExceededError] = field(default_factory=list)
    """The refusal after which no more photos are sent; empty until there is one."""

    def restore(self, photo: PlannedPhoto, *, on_progress: Callable[[JobState], None]) -> Outcome:
        """Restore a photo; failures are returned as an outcome instead of being raised."""
        try:
            upload = _read(photo, self.request)
        except OSError as error:
            return _failure(photo, code="unreadable-file", detail=str(error))
        existing = self.journal.result_path(photo)
        if self.resume and self.journal.is_done(photo, upload.key, models=self.request.models):
            return Outcome(source=str(photo.source), status="unchanged", target=str(existing))
        if existing is not None and not self.force:
            return _failure(photo, code=_EXISTS, detail=self._why_kept(existing))
        return self._outcome(upload, on_progress=on_progress)

    def _outcome(self, upload: "_Upload", *, on_progress: Callable[[JobState], None]) -> Outcome:
        try:
            return self._restore(upload, on_progress=on_progress)
        except ApiError as error:
            return self._refusal(upload, error)
        except ResultExistsError as error:
            return _failure(upload.photo, code=_EXISTS, detail=str(error))
        except HiirClientError as error:
            return _failure(upload.photo, code="no-answer", detail=str(error))
        except OSError as error:
            return _failure(upload.photo, code="unwritable-file", detail=str(error))

    def _why_kept(self, existing: Path) -> str:
        if self.resume:
            return (
                f"{existing} exists, and was not made from this photo with the same parameters and "
                "model; --force overwrites it."
            )
        return f"{existing} exists; --resume continues an earlier run, --force overwrites it."

    def _refusal(self, upload: "_Upload", error: ApiError) -> Outcome:
        if isinstance(error, QuotaExceededError):
            self.refused.append(error)
        self.journal.failed(
            upload.photo,
            upload.key,
            code=error.code,
            request_id=error.request_id,
            job_id=error.job_id,
        )
        return _failure(
            upload.photo,
            code=error.code,
            detail=error.detail,
            request_id=error.request_id,
            job_id=error.job_id,
        )

    def _restore(self, upload: "_Upload", *, on_progress: Callable[[JobState], None]) -> Outcome:
        if self.refused:  # another submission would be refused for the same reason
            raise self.refused[0]
        for _ in range(_FRESH_JOBS - 1):
            try:
                return self._run_job(upload, on_progress=on_progress)
            except (JobNotFoundError, ResultExpiredError):
                # The job belongs to an earlier run, and its files have been deleted.
                self.journal.count_ended(upload.key)
        return self._run_job(upload, on_progress=on_progress)

    def _run_job(self, upload: "_Upload", *, on_progress: Callable[[JobState], None]) -> Outcome:
        options: JobOptions = {"parameters": self.request.fields}
        if self.request.priority is not None:
            options["priority"] = self.request.priority
        if self.request.no_cache:
            options["no_cache"] = True
        if upload.right is not None:
            options["file_right"] = upload.right
        models = ",".join(sorted(self.request.models))
        with self.pacer.submission():
            job = self.client.jobs.submit(
                upload.content,
                task=self.request.task,
                filename=upload.photo.source.name,
                idempotency_key=self.journal.idempotency_key(
                    upload.photo, upload.key, models=models
                ),
                **options,
            )
        with self.pacer.job():
            job = self.client.jobs.wait(job.id, on_progress=on_progress)
            return self._fetch(upload.photo, upload.key, job)

    def _fetch(self, photo: PlannedPhoto, key: str, job: "Job") -> Outcome:
        """Write the result of a job that has ended."""
        target = photo.target
        if job.output is not None:
            # The service may write another format, because raw formats cannot be written.
            target = with_format(target, job.output.format)
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove_parts(target)
            if self.force or not target.exists():
                self.journal.restored(
                    photo,
                    key,
                    target=target,
                    sha256=job.output.sha256,
                    model_sha256=",".join(step.model_sha256 for step in job.steps),
                    job_id=job.id,
                )
        self.client.jobs.download(job, to=target, overwrite=self.force)
        if not self.keep:
            self._delete(job)
        return Outcome(
            source=str(photo.source),
            status="restored",
            target=str(target),
            job_id=job.id,
            sha256=None if job.output is None else job.output.sha256,
        )

    def _delete(self, job: "Job") -> None:
        """Free the service's memory; if that fails, the files expire."""
        try:
            self.client.jobs.delete(job.id)
        except HiirClientError:
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    """A photo with its content, so that the hashed bytes are the ones that are sent."""

    photo: PlannedPhoto
    key: str
    content: bytes
    right: bytes | None


def _read(photo: PlannedPhoto, request: RestoreRequest) -> _Upload:
    content = photo.source.read_bytes()
    right = None if photo.right is None else photo.right.read_bytes()
    return _Upload(photo=photo, key=request.key(content, right), content=content, right=right)


def _remove_parts(target: Path) -> None:
    """Remove partial downloads of this result that a killed command has left."""
    for part in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        part.unlink(missing_ok=True)


def _failure(
    photo: PlannedPhoto,
    *,
    code: str,
    detail: str,
    request_id: str | None = None,
    job_id: str | None = None,
) -> Outcome:
    return Outcome(
        source=str(photo.source),
        status="failed",
        target=str(photo.target),
        code=code,
        detail=detail,
        request_id=request_id,
        job_id=job_id,
    )
