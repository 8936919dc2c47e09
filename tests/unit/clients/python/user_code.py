"""Code of a user that calls every verb; type checkers must accept it in strict mode."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hiir_client import (
    AsyncClient,
    Batch,
    Client,
    DryRun,
    Job,
    JobEvent,
    JobState,
    Link,
    Result,
    RetryPolicy,
    StreamEvent,
    Task,
    WebhookMessage,
    verify_webhook,
)
from hiir_client.errors import ApiError, HiirClientError, QuotaExceededError
from hiir_client.models import Delivery, Key, NewKey, WebhookSecret


def show(state: JobState) -> None:
    percent: int = state.progress.percent
    print(percent)


def use_client(path: Path, content: bytes) -> None:
    with Client("http://127.0.0.1:8000", api_key=None, retries=RetryPolicy(retries=1)) as client:
        result: Result = client.restore(
            path, task="super-resolution", scale=4, format="png", to="out.png", on_progress=show
        )
        name: str | None = result.job.filename
        job: Job = client.jobs.submit(
            content,
            task="denoise",
            noise_level="auto",
            bit_depth=16,
            lossless=True,
            strength=70,
            region=(0, 0, 64, 64),
        )
        trial: DryRun = client.jobs.dry_run(path, task="denoise", region=(0, 0, 64, 64))
        seconds: float | None = trial.seconds
        job = client.jobs.get(job.id, wait=5)
        job = client.jobs.wait(job.id, timeout=60, on_progress=show)
        events: list[JobEvent] = list(client.jobs.events(job.id, after="1-0"))
        changes: list[StreamEvent] = [next(client.jobs.all_events(after="1-0"))]
        changes += client.batches.events("b")
        link: Link = client.jobs.link(job.id, ttl=60)
        shown: bytes = client.jobs.preview(job.id, of="input")
        data: bytes = client.jobs.download(job).read_bytes()
        found: list[Job] = list(client.jobs.list(status="failed", task="denoise"))
        found += [client.jobs.cancel(job.id), client.jobs.delete(job.id)]
        deliveries: Sequence[Delivery] = client.jobs.deliveries(job.id)
        client.jobs.redeliver(job.id, deliveries[0].id)
        batch: Batch = client.batches.submit([path, content], task="denoise", batch_id="b")
        batch = client.batches.wait(client.batches.get(batch.id).id, timeout=5)
        sizes: list[int] = [item.files for item in client.batches.list()]
        archive: Path = client.batches.download(batch.id, to=path, partial=True, overwrite=True)
        for change in (client.batches.retry_failed, client.batches.cancel, client.batches.delete):
            batch = change(batch.id)
        client.batches.redeliver(batch.id, client.batches.deliveries(batch.id)[0].id)
        tasks: Sequence[Task] = client.tasks.list()
        keys: Sequence[Key] = client.keys.list()
        key: NewKey = client.keys.create(scopes=["jobs:read", "admin"], name="a", days=7)
        client.keys.revoke(key.id)
        secrets: list[WebhookSecret] = [client.webhooks.secret(), client.webhooks.rotate_secret()]
        print(
            name,
            seconds,
            events,
            changes,
            link.url,
            shown,
            data,
            found,
            sizes,
            archive,
            tasks,
            keys,
            secrets,
        )


async def use_async_client(path: Path) -> None:
    async with AsyncClient() as client:
        result: Result = await client.restore(path, task="denoise", on_progress=show, timeout=9.5)
        events: list[JobEvent] = [event async for event in client.jobs.events(result.job.id)]
        jobs: list[Job] = [job async for job in client.jobs.list()]
        batch: Batch = await client.batches.wait("b")
        print(events, jobs, batch.counts["succeeded"])


def handle(body: bytes, headers: Mapping[str, str]) -> str:
    message: WebhookMessage = verify_webhook(body, headers, ["whsec_AAAA"], tolerance=60)
    try:
        return message.job().status
    except QuotaExceededError as error:
        return f"{error.code} {error.retry_after} {error.request_id}"
    except ApiError as error:
        return error.detail
    except HiirClientError as error:
        return str(error)
