"""The operations of the API that consist of one request, or of several pages."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from hiir_client.analysis import Analysis
from hiir_client.download import Result, download_result
from hiir_client.effects import Effect, Emit, Operation, Request
from hiir_client.errors import ResultExistsError
from hiir_client.exchange import send
from hiir_client.following import OnProgress, wait_for_job
from hiir_client.models import (
    Batch,
    BatchSummary,
    Delivery,
    DryRun,
    Job,
    Key,
    Link,
    Scope,
    Task,
)
from hiir_client.retries import RetryPolicy
from hiir_client.sources import Source
from hiir_client.submission import BatchOptions, JobOptions, analysis, quote_id, submission

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """One page of jobs."""

    jobs: tuple[Job, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPage:
    """One page of batches."""

    batches: tuple[BatchSummary, ...]
    next_cursor: str | None


P = TypeVar("P", JobPage, BatchPage)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskList:
    """All tasks."""

    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyList:
    """All live keys."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryList:
    """All deliveries of a job or a batch."""

    deliveries: tuple[Delivery, ...]


def call(
    kind: type[T],
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    repeatable: bool = True,
    policy: RetryPolicy,
) -> Operation[T]:
    """Send a request without a body, and return the response as `kind`."""
    request = Request(method=method, path=path, query=query or {}, repeatable=repeatable)
    return (yield from send(request, policy=policy)).decode(kind)


def submit_job(
    source: Source,
    *,
    task: str,
    filename: str | None,
    job_id: str | None,
    idempotency_key: str | None,
    options: JobOptions,
    policy: RetryPolicy,
) -> Operation[Job]:
    """Submit one image."""
    request = submission(
        "/v1/jobs",
        [source],
        task=task,
        filename=filename,
        client_id=job_id,
        idempotency_key=idempotency_key,
        options=options,
    )
    return (yield from send(request, policy=policy)).decode(Job)


def dry_run(
    source: Source,
    *,
    task: str,
    filename: str | None,
    options: JobOptions,
    policy: RetryPolicy,
) -> Operation[DryRun]:
    """Predict the result of a submission."""
    request = submission(
        "/v1/jobs", [source], task=task, filename=filename, options=options, dry_run=True
    )
    return (yield from send(request, policy=policy)).decode(DryRun)


def analyze(
    source: Source, *, filename: str | None, frame: int | None, policy: RetryPolicy
) -> Operation[Analysis]:
    """Measure an image."""
    request = analysis(source, filename=filename, frame=frame)
    return (yield from send(request, policy=policy)).decode(Analysis)


def submit_batch(
    sources: Sequence[Source],
    *,
    task: str,
    batch_id: str | None,
    idempotency_key: str | None,
    options: BatchOptions,
    policy: RetryPolicy,
) -> Operation[Batch]:
    """Submit several images."""
    request = submission(
        "/v1/batches",
        sources,
        task=task,
        client_id=batch_id,
        idempotency_key=idempotency_key,
        options=options,
    )
    return (yield from send(request, policy=policy)).decode(Batch)


def restore(
    source: Source,
    *,
    task: str,
    to: str | PathLike[str] | None,
    overwrite: bool,
    filename: str | None,
    idempotency_key: str | None,
    on_progress: OnProgress | None,
    timeout: float | None,
    options: JobOptions,
    policy: RetryPolicy,
) -> Operation[Result]:
    """Submit an image, wait for the end of its job, and download the result."""
    if to is not None and not overwrite and Path(to).exists():
        raise ResultExistsError(f"{Path(to)} exists.")
    job = yield from submit_job(
        source,
        task=task,
        filename=filename,
        job_id=None,
        idempotency_key=idempotency_key,
        options=options,
        policy=policy,
    )
    ended = yield from wait_for_job(job.id, timeout=timeout, on_progress=on_progress, policy=policy)
    return (yield from download_result(ended, to=to, overwrite=overwrite, policy=policy))


def list_jobs(
    *, status: str | None, task: str | None, page_size: int, policy: RetryPolicy
) -> Generator[Effect, Any, None]:
    """Emit all jobs, newest first."""
    query = {"limit": str(page_size)}
    query |= {} if status is None else {"status": status}
    query |= {} if task is None else {"task": task}
    return _emit_all(JobPage, "/v1/jobs", query, items=lambda page: page.jobs, policy=policy)


def list_batches(*, page_size: int, policy: RetryPolicy) -> Generator[Effect, Any, None]:
    """Emit all batches, newest first."""
    query = {"limit": str(page_size)}
    return _emit_all(
        BatchPage, "/v1/batches", query, items=lambda page: page.batches, policy=policy
    )


def _emit_all(
    kind: type[P],
    path: str,
    query: Mapping[str, str],
    *,
    items: Callable[[P], Sequence[object]],
    policy: RetryPolicy,
) -> Generator[Effect, Any, None]:
    """Emit the items of all pages, which are requested when they are needed."""
    page = yield from call(kind, "GET", path, query=query, policy=policy)
    while True:
        for item in items(page):
            yield Emit(item)
        if page.next_cursor is None:
            return
        following = {**query, "cursor": page.next_cursor}
        page = yield from call(kind, "GET", path, query=following, policy=policy)


def list_deliveries(owner: str, *, policy: RetryPolicy) -> Operation[Sequence[Delivery]]:
    """Return the webhook deliveries of a job or a batch, by its path."""
    found = yield from call(DeliveryList, "GET", f"{owner}/deliveries", policy=policy)
    return found.deliveries


def redeliver(owner: str, delivery_id: str, *, policy: RetryPolicy) -> Operation[Delivery]:
    """Send a webhook of a job or a batch again."""
    path = f"{owner}/deliveries/{quote_id(delivery_id)}/redeliver"
    return call(Delivery, "POST", path, repeatable=False, policy=policy)


def fetch_preview(job_id: str, *, of: str, policy: RetryPolicy) -> Operation[bytes]:
    """Return the preview of a job's upload or result, a WebP file."""
    path = f"/v1/jobs/{quote_id(job_id)}/preview"
    request = Request(method="GET", path=path, query={"of": of})
    return (yield from send(request, policy=policy)).body


def create_link(job_id: str, *, ttl: int, policy: RetryPolicy) -> Operation[Link]:
    """Create a link to a result."""
    path = f"/v1/jobs/{quote_id(job_id)}/links"
    request = Request(method="POST", path=path, json={"ttl": ttl})
    return (yield from send(request, policy=policy)).decode(Link)


def new_key_query(*, scopes: Sequence[Scope], name: str, days: int | None) -> dict[str, str]:
    """Return the parameters that create a key."""
    query = {"scopes": ",".join(scopes), "name": name}
    return query if days is None else {**query, "days": str(days)}


def revoke_key(key_id: str, *, policy: RetryPolicy) -> Operation[None]:
    """Revoke a key."""
    request = Request(method="DELETE", path=f"/v1/keys/{key_id}", repeatable=False)
    yield from send(request, policy=policy)
