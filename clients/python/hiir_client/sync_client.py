"""The synchronous client."""

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Literal, Self, Unpack

import httpx

from hiir_client import operations
from hiir_client.analysis import Analysis
from hiir_client.connection import DEFAULT_URL, connection
from hiir_client.download import Result, download_archive, download_result
from hiir_client.drivers import SyncDriver
from hiir_client.following import (
    OnProgress,
    follow_all_events,
    follow_batch_events,
    follow_events,
    get_batch,
    get_job,
    wait_for_batch,
    wait_for_job,
)
from hiir_client.models import (
    Batch,
    BatchSummary,
    Delivery,
    DryRun,
    Job,
    JobEvent,
    JobStatus,
    Key,
    Link,
    NewKey,
    Scope,
    StreamEvent,
    Task,
    WebhookSecret,
)
from hiir_client.rate_limits import RateLimit
from hiir_client.retries import RetryPolicy
from hiir_client.sources import Source
from hiir_client.submission import BatchOptions, JobOptions, quote_id


class Client:
    """A client of one service. It is thread-safe, and a context manager."""

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        retries: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        policy = retries or RetryPolicy()
        self._http = httpx.Client(**connection(base_url, api_key=api_key), transport=transport)
        self._driver = SyncDriver(self._http)
        self._policy = policy
        self.jobs = Jobs(self._driver, policy)
        self.batches = Batches(self._driver, policy)
        self.tasks = Tasks(self._driver, policy)
        self.keys = Keys(self._driver, policy)
        self.webhooks = Webhooks(self._driver, policy)

    def restore(
        self,
        source: Source,
        /,
        *,
        task: str,
        to: str | PathLike[str] | None = None,
        overwrite: bool = False,
        filename: str | None = None,
        idempotency_key: str | None = None,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
        **options: Unpack[JobOptions],
    ) -> Result:
        """Restore an image: submit it, wait, and download the result.

        `source` is a path, bytes or a seekable file. The result is written to the file `to`, or
        kept in memory. `on_progress` is called with the state of the job at each event. After
        `timeout` seconds `WaitTimeoutError` is raised, and the job continues. If the job fails, the
        exception of its code is raised.
        """
        return self._driver.run(
            operations.restore(
                source,
                task=task,
                to=to,
                overwrite=overwrite,
                filename=filename,
                idempotency_key=idempotency_key,
                on_progress=on_progress,
                timeout=timeout,
                options=options,
                policy=self._policy,
            )
        )

    def analyze(
        self, source: Source, /, *, filename: str | None = None, frame: int | None = None
    ) -> Analysis:
        """Measure noise, compression and blur of an image, and return the tasks of `task="auto"`.

        Nothing is stored. `frame` selects the frame or page of a file that has several.
        """
        return self._driver.run(
            operations.analyze(source, filename=filename, frame=frame, policy=self._policy)
        )

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        """Remaining quotas, from the latest response; empty before the first one.

        The quotas are `submits`, `jobs` (that have not ended) and `megapixels` (per day).
        """
        return self._driver.rate_limits

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Resource:
    def __init__(self, driver: SyncDriver, policy: RetryPolicy) -> None:
        self._driver = driver
        self._policy = policy


class Jobs(_Resource):
    """The routes under `/v1/jobs`."""

    def submit(
        self,
        source: Source,
        /,
        *,
        task: str,
        filename: str | None = None,
        job_id: str | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Submit an image, under the id `job_id` or with an idempotency key.

        By default the key is random. To be able to repeat the call after a crash, pass one.
        """
        return self._driver.run(
            operations.submit_job(
                source,
                task=task,
                filename=filename,
                job_id=job_id,
                idempotency_key=idempotency_key,
                options=options,
                policy=self._policy,
            )
        )

    def dry_run(
        self,
        source: Source,
        /,
        *,
        task: str,
        filename: str | None = None,
        **options: Unpack[JobOptions],
    ) -> DryRun:
        """Upload an image and predict its job; nothing is stored or queued.

        Raises the same errors as `submit`.
        """
        return self._driver.run(
            operations.dry_run(
                source, task=task, filename=filename, options=options, policy=self._policy
            )
        )

    def get(self, job_id: str, *, wait: int = 0) -> Job:
        """Return a job; with `wait`, when it has ended, or after that many seconds."""
        return self._driver.run(get_job(job_id, wait=wait, policy=self._policy))

    def wait(
        self,
        job_id: str,
        *,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job:
        """Return the job when it has ended; raises `WaitTimeoutError` after `timeout` seconds."""
        return self._driver.run(
            wait_for_job(job_id, timeout=timeout, on_progress=on_progress, policy=self._policy)
        )

    def events(self, job_id: str, *, after: str | None = None) -> Iterator[JobEvent]:
        """Yield each event of a job once, from the first one or after the id `after`."""
        return self._driver.iterate(follow_events(job_id, after=after, policy=self._policy))

    def all_events(self, *, after: str | None = None) -> Iterator[StreamEvent]:
        """Yield each event of all your jobs once, without end, from now or after the id `after`.

        The ids differ from those of a single job's events.
        """
        return self._driver.iterate(follow_all_events(after=after, policy=self._policy))

    def preview(self, job_id: str, *, of: Literal["input", "result"] = "result") -> bytes:
        """Return a WebP preview of the upload (once it is decoded) or of the result."""
        return self._driver.run(operations.fetch_preview(job_id, of=of, policy=self._policy))

    def link(self, job_id: str, *, ttl: int = 300) -> Link:
        """Create a link that downloads the result without a key, for `ttl` seconds."""
        return self._driver.run(operations.create_link(job_id, ttl=ttl, policy=self._policy))

    def download(
        self, job: Job, *, to: str | PathLike[str] | None = None, overwrite: bool = False
    ) -> Result:
        """Download the result of a job that has ended, into the file `to` or into memory."""
        return self._driver.run(
            download_result(job, to=to, overwrite=overwrite, policy=self._policy)
        )

    def list(
        self, *, status: JobStatus | None = None, task: str | None = None, page_size: int = 20
    ) -> Iterator[Job]:
        """Yield your jobs, newest first; pages are requested when they are needed."""
        return self._driver.iterate(
            operations.list_jobs(status=status, task=task, page_size=page_size, policy=self._policy)
        )

    def cancel(self, job_id: str) -> Job:
        """Cancel a job that has not ended. Can be repeated."""
        path = f"/v1/jobs/{quote_id(job_id)}/cancel"
        return self._driver.run(operations.call(Job, "POST", path, policy=self._policy))

    def delete(self, job_id: str) -> Job:
        """Cancel a job that has not ended, or delete the files of one that has."""
        path = f"/v1/jobs/{quote_id(job_id)}"
        return self._driver.run(operations.call(Job, "DELETE", path, policy=self._policy))

    def deliveries(self, job_id: str) -> Sequence[Delivery]:
        """Return the webhook deliveries of a job, with every attempt."""
        owner = f"/v1/jobs/{quote_id(job_id)}"
        return self._driver.run(operations.list_deliveries(owner, policy=self._policy))

    def redeliver(self, job_id: str, delivery_id: str) -> Delivery:
        """Send a webhook again."""
        owner = f"/v1/jobs/{quote_id(job_id)}"
        return self._driver.run(operations.redeliver(owner, delivery_id, policy=self._policy))


class Batches(_Resource):
    """The routes under `/v1/batches`."""

    def submit(
        self,
        sources: Sequence[Source],
        *,
        task: str,
        batch_id: str | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[BatchOptions],
    ) -> Batch:
        """Submit several images, each of which becomes a job; see `Jobs.submit`."""
        return self._driver.run(
            operations.submit_batch(
                sources,
                task=task,
                batch_id=batch_id,
                idempotency_key=idempotency_key,
                options=options,
                policy=self._policy,
            )
        )

    def get(self, batch_id: str) -> Batch:
        """Return a batch with the status of each file."""
        return self._driver.run(get_batch(batch_id, policy=self._policy))

    def wait(self, batch_id: str, *, timeout: float | None = None) -> Batch:
        """Return the batch when all jobs have ended; raises `WaitTimeoutError`."""
        return self._driver.run(wait_for_batch(batch_id, timeout=timeout, policy=self._policy))

    def events(self, batch_id: str, *, after: str | None = None) -> Iterator[StreamEvent]:
        """Yield each event of a batch's jobs once, from now or after an id, until all ended."""
        return self._driver.iterate(follow_batch_events(batch_id, after=after, policy=self._policy))

    def list(self, *, page_size: int = 20) -> Iterator[BatchSummary]:
        """Yield your batches, newest first."""
        return self._driver.iterate(
            operations.list_batches(page_size=page_size, policy=self._policy)
        )

    def download(
        self,
        batch_id: str,
        *,
        to: str | PathLike[str],
        partial: bool = False,
        overwrite: bool = False,
    ) -> Path:
        """Download the results as a ZIP archive; with `partial`, those that are available."""
        return self._driver.run(
            download_archive(
                batch_id, to=to, partial=partial, overwrite=overwrite, policy=self._policy
            )
        )

    def retry_failed(self, batch_id: str) -> Batch:
        """Queue the failed jobs of a batch again. Can be repeated."""
        path = f"/v1/batches/{quote_id(batch_id)}/retry-failed"
        return self._driver.run(operations.call(Batch, "POST", path, policy=self._policy))

    def cancel(self, batch_id: str) -> Batch:
        """Cancel all jobs of a batch that have not ended. Can be repeated."""
        path = f"/v1/batches/{quote_id(batch_id)}/cancel"
        return self._driver.run(operations.call(Batch, "POST", path, policy=self._policy))

    def delete(self, batch_id: str) -> Batch:
        """Cancel all jobs that have not ended, and delete the files of the others."""
        path = f"/v1/batches/{quote_id(batch_id)}"
        return self._driver.run(operations.call(Batch, "DELETE", path, policy=self._policy))

    def deliveries(self, batch_id: str) -> Sequence[Delivery]:
        """Return the deliveries of `batch.completed`, with every attempt."""
        owner = f"/v1/batches/{quote_id(batch_id)}"
        return self._driver.run(operations.list_deliveries(owner, policy=self._policy))

    def redeliver(self, batch_id: str, delivery_id: str) -> Delivery:
        """Send a webhook of a batch again."""
        owner = f"/v1/batches/{quote_id(batch_id)}"
        return self._driver.run(operations.redeliver(owner, delivery_id, policy=self._policy))


class Tasks(_Resource):
    """The route `/v1/tasks`."""

    def list(self) -> Sequence[Task]:
        """Return all tasks with their parameters, limits and models."""
        call = operations.call(operations.TaskList, "GET", "/v1/tasks", policy=self._policy)
        return self._driver.run(call).tasks


class Keys(_Resource):
    """The routes under `/v1/keys`; they need a key with the scope `admin`."""

    def list(self) -> Sequence[Key]:
        """Return the live keys of your tenant, without their secrets."""
        call = operations.call(operations.KeyList, "GET", "/v1/keys", policy=self._policy)
        return self._driver.run(call).keys

    def create(
        self,
        *,
        scopes: Sequence[Scope] = ("jobs:read", "jobs:write"),
        name: str = "",
        days: int | None = None,
    ) -> NewKey:
        """Create a key. Its secret is not shown again; a lost response is not retried."""
        query = operations.new_key_query(scopes=scopes, name=name, days=days)
        return self._driver.run(
            operations.call(
                NewKey, "POST", "/v1/keys", query=query, repeatable=False, policy=self._policy
            )
        )

    def revoke(self, key_id: str) -> None:
        """Revoke a key, effective with the next request."""
        self._driver.run(operations.revoke_key(quote_id(key_id), policy=self._policy))


class Webhooks(_Resource):
    """The routes under `/v1/webhooks`; `verify_webhook` verifies what they send."""

    def secret(self) -> WebhookSecret:
        """Return the secret that verifies webhooks."""
        path = "/v1/webhooks/secret"
        return self._driver.run(operations.call(WebhookSecret, "GET", path, policy=self._policy))

    def rotate_secret(self) -> WebhookSecret:
        """Create a new secret. The previous one keeps signing for a day."""
        path = "/v1/webhooks/secret/rotate"
        return self._driver.run(
            operations.call(WebhookSecret, "POST", path, repeatable=False, policy=self._policy)
        )
