"""Submits a batch: each file becomes a job, or is refused with a reason.

All files are checked and stored first. Then the batch and its jobs are created in one transaction:
a process that is killed before it leaves no job, and one that is killed after it leaves all of
them; a request with the same idempotency key or id finds them.
"""

import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from service.api.client_metadata import read_client_metadata
from service.api.services import Services
from service.api.submission import (
    BATCH_PARAMETERS,
    CLIENT_ID,
    read_idempotency_key,
    read_task,
)
from service.api.webhook_fields import read_webhook
from service.errors import (
    BodyTooLargeError,
    IdempotencyKeyReusedError,
    InvalidJobIdError,
    JobIdTakenError,
    NoValidFileError,
    ServiceError,
    TooManyRequestsError,
    UnavailableError,
)
from service.intake.cache_use import CacheUse
from service.intake.idempotency import Claim, fingerprint_of
from service.intake.job_request import JobRequest
from service.intake.photo_parameters import read_photo_options
from service.intake.receive import Upload, receive_uploads, refuse_unknown
from service.jobs.batch import Batch, BatchItem, derive_batch_id, item_job_id
from service.jobs.job import Failure, Job
from service.jobs.priority import Priority
from service.schemas.batch import BatchView

_ORDER_SECONDS = 1e-6
"""Difference between the creation times of two jobs, which keeps them in the order of the files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSubmission:
    """An accepted batch."""

    view: BatchView
    replayed: bool = False
    """Whether the batch was accepted before, with the same idempotency key or id."""


async def submit_batch(
    request: Request, services: Services, *, tenant: str, client_id: str | None = None
) -> BatchSubmission:
    """Receive, validate and queue several images.

    Errors of single files become part of the batch, unless no file is valid.

    Raises:
        ServiceError: errors of the form or its fields, and errors because of which no file can be
            accepted.
    """
    query = request.query_params.multi_items()
    refuse_unknown([name for name, _ in query], known=BATCH_PARAMETERS)
    key = read_idempotency_key(request)
    if client_id is not None and not CLIENT_ID.fullmatch(client_id):
        raise InvalidJobIdError(
            "A batch id has 1 to 128 letters, digits, dots, dashes and underscores."
        )
    # A repeated request is answered in any state of the service: see `_create`.
    repeatable = key is not None or client_id is not None
    if not repeatable:
        declared = request.headers.get("content-length", "")
        new_bytes = int(declared) if declared.isdecimal() else 0
        await run_in_threadpool(_require_service, services, tenant, new_bytes)
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
            sender = _BatchSubmitter(
                services=services,
                tenant=tenant,
                uploads=uploads,
                query=query,
                cache_use=CacheUse.of(request.headers),
                checked=not repeatable,
            )
            if client_id is not None:
                return await services.threads.for_upload(sender.put, client_id)
            return await services.threads.for_upload(sender.post, key)


def _require_service(services: Services, tenant: str, new_bytes: int) -> None:
    services.readiness.require_servers()
    services.submission.submitter.require_batch_places(tenant)
    services.submission.submitter.require_capacity(
        tenant=tenant, priority=Priority.BATCH, new_bytes=new_bytes
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _BatchSubmitter:
    services: Services
    tenant: str
    uploads: Sequence[Upload]
    query: Sequence[tuple[str, str]]
    cache_use: CacheUse
    checked: bool
    """Whether the service was able to accept a batch before the body was read."""

    def post(self, key: str | None) -> BatchSubmission:
        """Create a batch; with a key, only if the key is new."""
        batch_id = uuid.uuid4().hex
        if key is None:
            return BatchSubmission(view=self._create(batch_id))
        idempotency = self.services.submission.idempotency
        claim = idempotency.begin(
            tenant=self.tenant,
            key=f"batch:{key}",
            fingerprint=self._fingerprint(),
            job_id=batch_id,
        )
        if claim.answer is not None:
            with contextlib.suppress(ValueError):  # written by another release of the service
                view = BatchView.model_validate_json(claim.answer)
                return BatchSubmission(view=view, replayed=True)
        view, replayed = self._claimed(claim)
        with contextlib.suppress(ServiceError):  # a retry claims the key and finds the batch
            idempotency.complete(claim, view.model_dump_json())
        return BatchSubmission(view=view, replayed=replayed)

    def put(self, client_id: str) -> BatchSubmission:
        """Create the batch with this id, or return the one that the same submission created."""
        batch_id = derive_batch_id(self.tenant, client_id)
        fingerprint = self._fingerprint()
        taken = JobIdTakenError(
            "Another submission has created a batch with this id.", actual=client_id
        )
        try:
            claim = self.services.submission.idempotency.begin(
                tenant=self.tenant,
                key=f"put-batch:{batch_id}",
                fingerprint=fingerprint,
                job_id=batch_id,
            )
        except IdempotencyKeyReusedError:
            raise taken from None
        try:
            found = self.services.batches.store.get(batch_id)
            if found is None:
                return BatchSubmission(view=self._create(batch_id, client_id, fingerprint))
            if found.fingerprint != fingerprint:
                raise taken
            return BatchSubmission(view=self._view(found), replayed=True)
        finally:  # from here on the batch's own record is authoritative
            with contextlib.suppress(ServiceError):  # otherwise it becomes stale
                self.services.submission.idempotency.abandon(claim)

    def _claimed(self, claim: Claim) -> tuple[BatchView, bool]:
        """Create the batch of a claim, or return the one that an interrupted request created.

        The claim is abandoned only if it is certain that no job exists.
        """
        store, idempotency = self.services.batches.store, self.services.submission.idempotency
        try:
            found = store.get(claim.job_id)
            if found is not None:
                return self._view(found), True
            return self._create(claim.job_id), False
        except BaseException:
            with contextlib.suppress(ServiceError):  # otherwise it becomes stale
                if store.get(claim.job_id) is None:
                    idempotency.abandon(claim)
                else:
                    idempotency.release(claim)
            raise

    def _create(
        self, batch_id: str, client_id: str | None = None, fingerprint: str | None = None
    ) -> BatchView:
        given = self._given()
        refuse_unknown([name for name, _ in given], known=BATCH_PARAMETERS)
        if not self.checked:
            _require_service(self.services, self.tenant, sum(item.size for item in self.uploads))
        settings = self.services.settings
        webhook = read_webhook(dict(given), settings.webhooks, of_batch=True)
        metadata = read_client_metadata(dict(given))
        submitter = self.services.submission.submitter
        items: list[BatchItem] = []
        jobs: list[Job] = []
        try:
            for index, upload in enumerate(self.uploads):
                items.append(self._prepare(batch_id, index, upload, dict(given), jobs))
            _require_jobs(jobs, items)
            now = self.services.jobs.store.now()
            batch = Batch(
                id=batch_id,
                tenant=self.tenant,
                client_id=client_id,
                fingerprint=fingerprint,
                webhook=webhook,
                client_metadata=metadata,
                created_at=now,
                expires_at=now + settings.jobs.batch_seconds,
                items=tuple(items),
            )
            return BatchView.of(submitter.create_batch(batch, jobs))
        except BaseException:
            with contextlib.suppress(ServiceError):
                # The reply to the transaction may have been lost.
                if self.services.batches.store.get(batch_id) is None:
                    submitter.discard(jobs)
            raise

    def _prepare(
        self, batch_id: str, index: int, upload: Upload, given: dict[str, str], jobs: list[Job]
    ) -> BatchItem:
        """Check and store one file; append its job to `jobs`, unless the file is refused."""
        request = JobRequest(
            restoration=read_task(self.services, given),
            options=read_photo_options(given),
            job_id=item_job_id(batch_id, index),
            tenant=self.tenant,
            priority=Priority.BATCH,
            webhook=read_webhook(given, self.services.settings.webhooks, of_batch=True),
            client_metadata=read_client_metadata(given),
            batch_id=batch_id,
            cache_use=self.cache_use,
        )
        try:
            self._check_size(upload)
            job = self.services.submission.submitter.prepare(upload, request)
        except (TooManyRequestsError, UnavailableError):
            raise  # an error of the service rather than of the file
        except ServiceError as error:
            return BatchItem(filename=upload.filename, refusal=Failure.from_error(error))
        jobs.append(job.at(job.created_at + index * _ORDER_SECONDS))
        return BatchItem(filename=upload.filename, job_id=job.id)

    def _view(self, batch: Batch) -> BatchView:
        return BatchView.of(self.services.batches.store.state(batch))

    def _check_size(self, upload: Upload) -> None:
        limit = self.services.settings.limits.body_bytes
        if upload.size > limit:
            raise BodyTooLargeError(
                f"The file has {upload.size} bytes; the limit is {limit}.",
                limit=limit,
                actual=upload.size,
            )

    def _given(self) -> list[tuple[str, str]]:
        return [*self.query, *self.uploads[0].fields.items()]

    def _fingerprint(self) -> str:
        names = [(f"filename {n}", item.filename or "") for n, item in enumerate(self.uploads)]
        sizes = [(f"bytes {n}", str(item.size)) for n, item in enumerate(self.uploads)]
        pieces = (piece for upload in self.uploads for piece in upload.pieces())
        return fingerprint_of([*self._given(), *names, *sizes], pieces)


def _require_jobs(jobs: Sequence[Job], items: Sequence[BatchItem]) -> None:
    if jobs:
        return
    refusals = [(item.filename, item.refusal) for item in items if item.refusal is not None]
    raise NoValidFileError(
        "None of the files can be restored.",
        limit=1,
        actual=0,
        errors=[
            {"name": (name or "")[:100], "problem": f"{refusal.code}: {refusal.detail}"}
            for name, refusal in refusals
        ],
    )
