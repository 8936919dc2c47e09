"""Submit a batch: each file becomes a job or is refused with a reason."""

import contextlib
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from hiir.imaging import PhotoOptions
from service.api.services import Services
from service.api.submission import BATCH_PARAMETERS, read_idempotency_key, read_task
from service.api.webhook_fields import read_webhook
from service.catalogue.tasks import TaskRequest
from service.errors import (
    BodyTooLargeError,
    JobNotFoundError,
    ServiceError,
    TooManyRequestsError,
    UnavailableError,
)
from service.intake.idempotency import fingerprint_of
from service.intake.photo_parameters import read_photo_options
from service.intake.receive import Upload, receive_uploads, refuse_unknown
from service.jobs.batch import Batch, BatchItem, BatchState, item_job_id
from service.jobs.job import Failure, Job, Webhook
from service.schemas.batch import BatchView


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSubmission:
    """An accepted batch."""

    view: BatchView
    replayed: bool = False
    """Whether it was accepted before, with the same idempotency key."""


async def submit_batch(request: Request, services: Services, *, tenant: str) -> BatchSubmission:
    """Receive, validate and queue several images.

    Errors of single files are part of the batch. Errors of the form or its fields, and those that
    keep the service from accepting any file, are raised.
    """
    query = request.query_params.multi_items()
    refuse_unknown([name for name, _ in query], known=BATCH_PARAMETERS)
    key = read_idempotency_key(request)
    await run_in_threadpool(_require_service, services)
    with services.submission.batch_uploads.take(tenant):
        uploads = await receive_uploads(
            headers=request.headers,
            stream=request.stream(),
            limits=services.settings.limits,
            allowed_fields=BATCH_PARAMETERS,
        )
        with contextlib.ExitStack() as files:
            for upload in uploads:
                files.enter_context(contextlib.closing(upload))
            sender = _BatchSubmitter(services=services, tenant=tenant, uploads=uploads, query=query)
            return await run_in_threadpool(sender.send, key)


def _require_service(services: Services) -> None:
    services.readiness.require_servers()
    services.submission.submitter.require_capacity()


@dataclass(frozen=True, slots=True, kw_only=True)
class _BatchSubmitter:
    services: Services
    tenant: str
    uploads: Sequence[Upload]
    query: Sequence[tuple[str, str]]

    def send(self, key: str | None) -> BatchSubmission:
        """Create a batch; with a key, only if the key is new."""
        given = [*self.query, *self.uploads[0].fields.items()]
        refuse_unknown([name for name, _ in given], known=BATCH_PARAMETERS)
        task = read_task(self.services, dict(given))
        options = read_photo_options(dict(given))
        webhook = read_webhook(dict(given), self.services.settings.webhooks)
        batch_id = uuid.uuid4().hex
        if key is None:
            return BatchSubmission(view=self._make(batch_id, task, options, webhook))
        idempotency = self.services.submission.idempotency
        claim = idempotency.begin(
            tenant=self.tenant,
            key=f"batch:{key}",
            fingerprint=self._fingerprint(given),
            job_id=batch_id,
        )
        if claim.answer is not None:
            return BatchSubmission(view=self._replay(claim.job_id, claim.answer), replayed=True)
        try:
            view = self._make(claim.job_id, task, options, webhook)
        except BaseException:
            with contextlib.suppress(ServiceError):  # otherwise it becomes stale
                idempotency.abandon(claim)
            raise
        with contextlib.suppress(ServiceError):  # a retry claims the key and creates the same batch
            idempotency.complete(claim, view.model_dump_json())
        return BatchSubmission(view=view)

    def _make(
        self, batch_id: str, task: TaskRequest, options: PhotoOptions, webhook: Webhook | None
    ) -> BatchView:
        now = time.time()
        items: list[BatchItem] = []
        jobs: list[Job | None] = []
        refused: TooManyRequestsError | UnavailableError | None = None
        for index, upload in enumerate(self.uploads):
            try:
                self._check_size(upload)
                self.services.submission.submitter.require_capacity()
                job = self.services.submission.submitter.accept(
                    upload,
                    task,
                    options=options,
                    job_id=item_job_id(batch_id, index),
                    tenant=self.tenant,
                    webhook=webhook,
                    batch_id=batch_id,
                )
            except ServiceError as error:
                refused = (
                    error if isinstance(error, TooManyRequestsError | UnavailableError) else refused
                )
                refusal = Failure.from_error(error)
                items.append(BatchItem(filename=upload.filename, refusal=refusal))
                jobs.append(None)
            else:
                items.append(BatchItem(filename=upload.filename, job_id=job.id))
                jobs.append(job)
        if refused is not None and not any(jobs):
            raise refused
        lifetimes = self.services.settings.jobs
        batch = Batch(
            id=batch_id,
            tenant=self.tenant,
            created_at=now,
            # No job of the batch is kept for longer.
            expires_at=now + lifetimes.input_seconds + lifetimes.record_seconds,
            items=tuple(items),
        )
        self.services.batches.store.put(batch)
        return BatchView.of(BatchState(batch=batch, jobs=tuple(jobs)))

    def _check_size(self, upload: Upload) -> None:
        limit = self.services.settings.limits.body_bytes
        size = upload.file.seek(0, 2)
        if size > limit:
            raise BodyTooLargeError(
                f"The file has {size} bytes; the limit is {limit}.", limit=limit, actual=size
            )

    def _replay(self, batch_id: str, answer: str) -> BatchView:
        try:
            return BatchView.model_validate_json(answer)
        except ValidationError:  # written by another release of the service
            batch = self.services.batches.store.get(batch_id)
            if batch is None:
                raise JobNotFoundError("The batch of this idempotency key has expired.") from None
            return BatchView.of(self.services.batches.state(batch))

    def _fingerprint(self, given: Sequence[tuple[str, str]]) -> str:
        names = [(f"filename {n}", item.filename or "") for n, item in enumerate(self.uploads)]
        sizes = [(f"bytes {n}", str(item.file.seek(0, 2))) for n, item in enumerate(self.uploads)]
        pieces = (piece for upload in self.uploads for piece in upload.pieces())
        return fingerprint_of([*given, *names, *sizes], pieces)
