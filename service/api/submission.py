"""Submits a single image, idempotently by key (POST) or id (PUT)."""

import contextlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fastapi import Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from service.api.client_metadata import read_client_metadata
from service.api.services import Services
from service.api.webhook_fields import read_webhook
from service.catalogue.restoration import TASK, TASKS, Restoration, read_restoration
from service.catalogue.tasks import TASK_PARAMETERS
from service.errors import (
    IdempotencyKeyInvalidError,
    IdempotencyKeyReusedError,
    InvalidJobIdError,
    InvalidParameterError,
    JobIdTakenError,
    JobNotFoundError,
    ServiceError,
)
from service.intake.cache_use import CacheUse
from service.intake.idempotency import Claim, fingerprint_of
from service.intake.inference_request import InferenceHeader, receive_inference
from service.intake.job_request import JobRequest
from service.intake.photo_parameters import PHOTO_PARAMETERS, negotiate_formats, read_photo_options
from service.intake.receive import RIGHT_FIELD, Upload, receive_upload, refuse_unknown
from service.jobs.job import Job, derive_job_id
from service.jobs.priority import Priority
from service.schemas.dry_run import DryRunView
from service.schemas.job import JobView

BATCH_PARAMETERS = (
    TASK,
    TASKS,
    *TASK_PARAMETERS,
    *PHOTO_PARAMETERS,
    "webhook_url",
    "webhook_events",
    "client_metadata",
)
PARAMETERS = (*BATCH_PARAMETERS, "priority", "cancel_on_disconnect", "dry_run")

_NOT_OF_INFERENCES = (TASK, TASKS, "dry_run")
"""Fields that an inference request may not have, because its path names the task."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An accepted job, and how to answer the request."""

    view: JobView
    job_id: str
    """Id of the job in the store."""
    replayed: bool = False
    """Whether the job was accepted before, with the same key or id."""
    cancel_on_disconnect: bool = False
    cache_status: str | None = None
    """Value of `Cache-Status` (RFC 9211); None for a replayed answer, or if the cache is off."""


async def submit(
    request: Request, services: Services, *, tenant: str, client_id: str | None = None
) -> Submission | DryRunView:
    """Receive, validate and queue one image, or predict its result (`dry_run`).

    Raises the errors of `JobSubmitter.accept`.
    """
    query = request.query_params.multi_items()
    if RIGHT_FIELD in request.query_params:
        raise InvalidParameterError(
            f"{RIGHT_FIELD} is a file: to submit two views, send both as multipart/form-data.",
            actual=RIGHT_FIELD,
        )
    refuse_unknown([name for name, _ in query], known=PARAMETERS)
    key = read_idempotency_key(request)
    if client_id is not None and not CLIENT_ID.fullmatch(client_id):
        raise InvalidJobIdError(
            "A job id has 1 to 128 letters, digits, dots, dashes and underscores."
        )
    # A repeated request is answered in any state of the service: see `_Submitter._accept`.
    repeatable = key is not None or client_id is not None
    if not repeatable:
        await run_in_threadpool(_require_service, services, tenant, dict(query))
    with services.submission.uploads.take(tenant):
        upload = await receive_upload(
            headers=request.headers,
            stream=request.stream(),
            limits=services.settings.limits,
            allowed_fields=PARAMETERS,
        )
        sender = _Submitter(
            services=services,
            tenant=tenant,
            upload=upload,
            query=query,
            accept=request.headers.get("accept", ""),
            cache_use=CacheUse.of(request.headers),
            checked=None if repeatable else _read_priority(dict(query)),
        )
        if sender.is_dry_run():
            return await services.threads.for_upload(sender.try_out, client_id)
        if client_id is not None:
            return await services.threads.for_upload(sender.put, client_id)
        return await services.threads.for_upload(sender.post, key)


async def submit_inference(
    request: Request, services: Services, *, tenant: str, task: str
) -> tuple[Submission, InferenceHeader]:
    """Receive and queue the image of an inference request, as `submit` does for a form."""
    key = read_idempotency_key(request)
    query = [(TASK, task)]
    if key is None:
        await run_in_threadpool(_require_service, services, tenant, dict(query))
    with services.submission.uploads.take(tenant):
        received = await receive_inference(
            headers=request.headers, stream=request.stream(), limits=services.settings.limits
        )
        sender = _Submitter(
            services=services,
            tenant=tenant,
            upload=received.upload,
            query=query,
            accept="",
            cache_use=CacheUse.of(request.headers),
            checked=None if key else Priority.INTERACTIVE,
        )
        return await services.threads.for_upload(sender.infer, key), received.header


def read_idempotency_key(request: Request) -> str | None:
    """Return the idempotency key, if there is one; raises `IdempotencyKeyInvalidError`."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise IdempotencyKeyInvalidError(
            "An idempotency key has 1 to 255 visible ASCII characters.", limit=255
        )
    return key


def read_task(services: Services, given: Mapping[str, str]) -> Restoration:
    """Return the requested tasks; raises the errors of `read_restoration`."""
    return read_restoration(services.catalogue.tasks, given)


def _read_priority(given: Mapping[str, str]) -> Priority:
    """Return the priority of a job; raises `InvalidParameterError`."""
    name = given.get("priority", Priority.INTERACTIVE)
    try:
        return Priority(name)
    except ValueError:
        raise InvalidParameterError(
            f"priority must be one of {', '.join(Priority)}.", actual=name[:100]
        ) from None


def _require_service(services: Services, tenant: str, given: Mapping[str, str]) -> None:
    """Refuse requests that can be refused before the body is read."""
    if TASKS in given:
        read_task(services, given)
    elif TASK in given:
        services.catalogue.tasks.find(given[TASK])
    priority = _read_priority(given)
    services.readiness.require_servers()
    services.submission.submitter.require_capacity(tenant=tenant, priority=priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Submitter:
    """One received upload; every public method closes its file."""

    services: Services
    tenant: str
    upload: Upload
    query: Sequence[tuple[str, str]]
    accept: str
    """Value of the `Accept` header, which may select formats."""
    cache_use: CacheUse
    checked: Priority | None
    """Priority for which the service was able to accept a job before the body was read."""

    def post(self, key: str | None) -> Submission:
        """Create a job; with a key, only if the key is new."""
        with contextlib.closing(self.upload):
            job_id = uuid.uuid4().hex
            if key is None:
                return self._submission(self._accept(job_id))
            claim = self.services.submission.idempotency.begin(
                tenant=self.tenant,
                key=f"post:{key}",
                fingerprint=self._fingerprint(),
                job_id=job_id,
            )
            if claim.answer is not None:
                return self._replay(claim.job_id, claim.answer)
            submission = self._submission(self._claimed(claim))
            # If this fails, a retry claims the key and finds the job.
            with contextlib.suppress(ServiceError):
                self.services.submission.idempotency.complete(
                    claim, submission.view.model_dump_json()
                )
            return submission

    def infer(self, key: str | None) -> Submission:
        """Create a job like `post`, for parameters that always lead to a result."""
        unfit = [name for name in self.upload.fields if name in _NOT_OF_INFERENCES]
        if unfit:
            self.upload.close()
            raise InvalidParameterError(
                f"{unfit[0]} is no parameter of an inference request.", actual=unfit[0]
            )
        return self.post(key)

    def is_dry_run(self) -> bool:
        """Return whether nothing is to be created; raises `InvalidParameterError`."""
        try:
            return self._flag("dry_run")
        except InvalidParameterError:
            self.upload.close()
            raise

    @contextlib.contextmanager
    def _complete(self, job_id: str | None) -> Iterator[Upload]:
        """Yield the upload with its file, which is fetched from the bucket if necessary."""
        upload = self.upload
        if upload.upload_id is None:
            yield upload
            return
        with self.services.submission.presigned.taken(
            upload.upload_id, tenant=self.tenant, job_id=job_id, into=upload.file
        ) as stored:
            yield replace(upload, stored=stored)

    def try_out(self, client_id: str | None) -> DryRunView:
        """Predict the result of the upload; raises `InvalidParameterError` if an id is given."""
        with contextlib.closing(self.upload):
            if client_id is not None:
                raise InvalidParameterError(
                    "A dry run creates no job, and takes no id: send it by POST.", actual="dry_run"
                )
            request = self._request("")
            with self._complete(None) as upload:
                made = self.services.submission.submitter.dry_run(upload, request)
            return DryRunView.of(made)

    def put(self, client_id: str) -> Submission:
        """Create the job with this id, or return the one that the same submission created."""
        with contextlib.closing(self.upload):
            job_id = derive_job_id(self.tenant, client_id)
            fingerprint = self._fingerprint()
            taken = JobIdTakenError(
                "Another submission has created a job with this id.", actual=client_id
            )
            try:
                claim = self.services.submission.idempotency.begin(
                    tenant=self.tenant, key=f"put:{job_id}", fingerprint=fingerprint, job_id=job_id
                )
            except IdempotencyKeyReusedError:
                raise taken from None
            try:
                known = self.services.jobs.store.get(job_id)
                if known is None:
                    return self._submission(self._accept(job_id, client_id, fingerprint))
                if known.fingerprint != fingerprint:
                    raise taken
                return self._submission(known, replayed=True)
            finally:  # from here on the job's own record is authoritative
                self._abandon(claim)

    def _replay(self, job_id: str, answer: str) -> Submission:
        try:
            view = JobView.model_validate_json(answer)
        except ValidationError:  # written by another release: show the job in its current state
            job = self.services.jobs.store.get(job_id)
            if job is None:
                raise JobNotFoundError("The job of this idempotency key has expired.") from None
            return self._submission(job, replayed=True)
        return self._answer(view, job_id=job_id, replayed=True)

    def _claimed(self, claim: Claim) -> Job:
        """Accept the job; the claim is abandoned only if it is certain that no job exists."""
        try:
            return self._accept(claim.job_id)
        except BaseException:
            with contextlib.suppress(ServiceError):  # otherwise it becomes stale
                if self.services.jobs.store.get(claim.job_id) is None:
                    self.services.submission.idempotency.abandon(claim)
                else:
                    self.services.submission.idempotency.release(claim)
            raise

    def _abandon(self, claim: Claim) -> None:
        with contextlib.suppress(ServiceError):  # otherwise it becomes stale
            self.services.submission.idempotency.abandon(claim)

    def _accept(
        self, job_id: str, client_id: str | None = None, fingerprint: str | None = None
    ) -> Job:
        request = self._request(job_id, client_id, fingerprint)
        with self._complete(job_id) as upload:
            return self.services.submission.submitter.accept(upload, request)

    def _request(
        self, job_id: str, client_id: str | None = None, fingerprint: str | None = None
    ) -> JobRequest:
        given = dict(self._checked())
        options = read_photo_options(given)
        return JobRequest(
            restoration=read_task(self.services, given),
            options=options,
            formats=negotiate_formats(self.accept, options.format),
            job_id=job_id,
            tenant=self.tenant,
            priority=_read_priority(given),
            client_id=client_id,
            fingerprint=fingerprint,
            webhook=read_webhook(given, self.services.settings.webhooks),
            client_metadata=read_client_metadata(given),
            cache_use=self.cache_use,
        )

    def _submission(self, job: Job, *, replayed: bool = False) -> Submission:
        # The job is queued in any case: an error would make the client submit it again.
        position: int | None = None
        if not job.status.is_terminal:
            with contextlib.suppress(ServiceError):
                position = self.services.jobs.store.turns.position(job.id)
        view = JobView.of(job, queue_position=position)
        return self._answer(view, job_id=job.id, replayed=replayed)

    def _answer(self, view: JobView, *, job_id: str, replayed: bool) -> Submission:
        return Submission(
            view=view,
            job_id=job_id,
            replayed=replayed,
            cancel_on_disconnect=self._cancels(),
            cache_status=None if replayed else self._cache_status(view),
        )

    def _cache_status(self, view: JobView) -> str | None:
        if not self.services.submission.submitter.cache.enabled:
            return None
        if view.cached:
            return "hiir; hit"
        return "hiir; fwd=miss" if self.cache_use.reads else "hiir; fwd=request"

    def _checked(self) -> list[tuple[str, str]]:
        """Return the parameters, checked, if the service can accept a job."""
        given = self._given()
        refuse_unknown([name for name, _ in given], known=PARAMETERS)
        self._cancels()
        if _read_priority(dict(given)) is not self.checked:
            _require_service(self.services, self.tenant, dict(given))
        return given

    def _given(self) -> list[tuple[str, str]]:
        return [*self.query, *self.upload.fields.items()]

    def _cancels(self) -> bool:
        return self._flag("cancel_on_disconnect")

    def _flag(self, name: str) -> bool:
        value = dict(self._given()).get(name, "false")
        if value not in _TRUTH:
            raise InvalidParameterError(
                f"{name} must be true or false.",
                limit="true, false",
                actual=value[:100],
            )
        return _TRUTH[value]

    def _fingerprint(self) -> str:
        formats = ",".join(_formats_of(self.accept))
        views = [("right_from", str(self.upload.right_from))] if self.upload.right else []
        if self.upload.upload_id is not None:
            views = [("upload_id", self.upload.upload_id)]
        named = [
            *views,
            *self._given(),
            ("filename", self.upload.filename or ""),
            ("formats", formats),
        ]
        return fingerprint_of(named, self.upload.pieces())


def _formats_of(accept: str) -> tuple[str, ...]:
    """Return the result of `negotiate_formats`, whose errors are raised later, on acceptance."""
    try:
        return negotiate_formats(accept)
    except ServiceError:
        return ("none",)
