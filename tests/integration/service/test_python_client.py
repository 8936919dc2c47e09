"""The Python client on the real service, also through connections that break."""

import asyncio
import hashlib
import io
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from hiir_client import AsyncClient, Client, JobState, ResultExistsError, RetryPolicy
from hiir_client.errors import (
    ImageTruncatedError,
    JobNotFoundError,
    KeyMissingError,
    UnknownTaskError,
)
from service.settings import AuthMode
from service.webhooks.worker.signature import sign
from tests.integration.service.callers import MakeKey
from tests.integration.service.cutting_proxy import cutting_proxy
from tests.integration.service.stack import ROOT, Stack, photo, read, write

pytestmark = pytest.mark.integration
PIXELS = photo(250, 350)  # 5 x 7 tiles


def address(stack: Stack) -> tuple[str, int]:
    return stack.client.base_url.host, stack.client.base_url.port or 80


def url(stack: Stack) -> str:
    return str(stack.client.base_url)


def test_a_photo_is_restored_into_a_file_with_progress(stack: Stack, tmp_path: Path) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    source.write_bytes(write(PIXELS))
    seen: list[JobState] = []
    with Client(url(stack)) as client:
        result = client.restore(source, task="identity", to=target, on_progress=seen.append)
        with pytest.raises(ResultExistsError):
            client.restore(source, task="identity", to=target)
    np.testing.assert_array_equal(read(target.read_bytes()), PIXELS)
    assert result.job.filename == "in.png"
    assert result.job.output is not None
    assert hashlib.sha256(target.read_bytes()).hexdigest() == result.job.output.sha256
    percents = [state.progress.percent for state in seen]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert len(stack.job_keys() & {f"hiir:job:{result.job.id}"}) == 1


def test_the_asynchronous_client_restores_side_by_side(stack: Stack) -> None:
    contents = [write(photo(90, 70, seed=seed)) for seed in range(4)]

    async def restore() -> list[bytes]:
        async with AsyncClient(url(stack)) as client:
            results = await asyncio.gather(
                *(
                    client.restore(content, task="identity", on_progress=lambda _: None)
                    for content in contents
                )
            )
            return [result.read_bytes() for result in results]

    for restored, content in zip(asyncio.run(restore()), contents, strict=True):
        np.testing.assert_array_equal(read(restored), read(content))


def test_replies_that_are_lost_after_the_job_was_made_leave_one_job(stack: Stack) -> None:
    before = stack.job_keys()
    with cutting_proxy(address(stack), 0, 12, 40) as proxy, Client(proxy.url) as client:
        job = client.jobs.submit(write(PIXELS), task="identity")
        assert proxy.cut == 3
    assert len(stack.job_keys() - before) == 1
    stack.ends_succeeded_once(job.id, PIXELS)


def test_lost_replies_leave_one_batch(stack: Stack) -> None:
    before = stack.job_keys()
    with cutting_proxy(address(stack), 0, 30) as proxy, Client(proxy.url) as client:
        batch = client.batches.submit([write(PIXELS), write(photo(40, 50))], task="identity")
        assert proxy.cut == 2
    assert len(stack.job_keys() - before) == 2
    assert [item.status for item in batch.items] != []


def test_events_and_the_result_arrive_through_connections_that_break(stack: Stack) -> None:
    with Client(url(stack)) as client:
        job = client.jobs.submit(write(PIXELS), task="slow-identity")
        whole = list(client.jobs.events(job.id))
        ended = client.jobs.get(job.id)
    cuts = [300, 500, 700, 450, 900]
    policy = RetryPolicy(retries=8, longest_pause=0.05)
    with (
        cutting_proxy(address(stack), *cuts) as proxy,
        Client(proxy.url, retries=policy) as client,
    ):
        events = list(client.jobs.events(job.id))
        assert proxy.cut >= 2
    assert events == whole
    assert [event.kind for event in events].count("completed") == 1
    with (
        cutting_proxy(address(stack), 5_000, 60_000, 20_000) as proxy,
        Client(proxy.url, retries=policy) as client,
    ):
        result = client.jobs.download(ended)
        assert proxy.cut == 3
    assert result.content == stack.result(job.id)


def test_previews_links_and_the_events_of_all_jobs(stack: Stack) -> None:
    with Client(url(stack)) as client:
        events = client.jobs.all_events()
        assert next(events).kind == "ready"
        batch = client.batches.submit([write(PIXELS), write(photo(40, 50))], task="identity")
        job_ids = [str(item.job_id) for item in batch.items]
        ended: set[str] = set()
        for event in events:
            if event.job is not None and event.kind == "completed":
                ended.add(event.job.id)
            if ended >= set(job_ids):
                break
        assert [event.kind for event in client.batches.events(batch.id)][-1] == "batch.completed"
        for of in ("input", "result"):
            shown = read(client.jobs.preview(job_ids[0], of=of))
            assert shown.shape == PIXELS.shape
        link = client.jobs.link(job_ids[0], ttl=60)
        answer = stack.client.get(link.url)
        assert answer.content == stack.result(job_ids[0])


def test_a_batch_is_followed_and_downloaded(stack: Stack, tmp_path: Path) -> None:
    contents = [write(photo(40, 50, seed=1)), b"not an image", write(photo(40, 50, seed=2))]
    with Client(url(stack)) as client:
        made = client.batches.submit(contents, task="identity", client_metadata={"album": "a"})
        batch = client.batches.wait(made.id, timeout=60)
        path = client.batches.download(batch.id, to=tmp_path / "results.zip")
        listed = next(iter(client.batches.list()))
    assert batch.counts["succeeded"] == 2
    assert batch.items[1].status == "refused"
    assert batch.items[1].error is not None
    assert batch.items[1].error.code == "unsupported-image-format"
    assert (listed.id, listed.files, listed.client_metadata) == (batch.id, 3, {"album": "a"})
    with zipfile.ZipFile(path) as archive:
        images = [name for name in archive.namelist() if name.endswith(".png")]
        np.testing.assert_array_equal(read(archive.read(images[1])), read(contents[2]))


def test_jobs_are_listed_canceled_and_deleted(stack: Stack) -> None:
    with Client(url(stack)) as client:
        job = client.jobs.submit(write(photo(40, 50)), task="identity", job_id="client-17")
        assert client.jobs.submit(write(photo(40, 50)), task="identity", job_id="client-17").id == (
            job.id
        )
        ended = client.jobs.wait(job.id)
        assert ended.status == "succeeded"
        listed = list(client.jobs.list(status="succeeded", page_size=2))
        assert job.id in {item.id for item in listed}
        assert client.jobs.delete(job.id).purged
        running = client.jobs.submit(write(PIXELS), task="slow-identity")
        client.jobs.cancel(running.id)
        assert client.jobs.wait(running.id).status == "canceled"
        assert client.jobs.deliveries(job.id) == ()


def test_refusals_have_their_classes(stack: Stack) -> None:
    with Client(url(stack)) as client:
        with pytest.raises(UnknownTaskError) as caught:
            client.jobs.submit(write(photo(40, 50)), task="levitate")
        assert caught.value.request_id
        with pytest.raises(ImageTruncatedError):
            client.jobs.submit(write(PIXELS)[:-5000], task="identity")
        with pytest.raises(JobNotFoundError):
            client.jobs.get("nothing")
        tasks = client.tasks.list()
    assert "denoise" in {task.name for task in tasks}
    assert all(task.models[0].tile for task in tasks)


def test_keys_and_the_webhook_secret_are_managed(
    make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    app = make_app(auth=AuthMode.KEYS)
    admin = make_key("client")

    async def manage() -> None:
        transport = httpx.ASGITransport(app)
        async with AsyncClient("http://test", transport=transport) as client:
            with pytest.raises(KeyMissingError):
                await client.tasks.list()
        async with AsyncClient("http://test", api_key=admin, transport=transport) as client:
            made = await client.keys.create(scopes=["jobs:read"], name="reader", days=7)
            assert made.id in {key.id for key in await client.keys.list()}
            assert made.expires_at is not None
            assert made.expires_at > made.created_at
            async with AsyncClient("http://test", api_key=made.key, transport=transport) as reader:
                assert await reader.tasks.list()
            await client.keys.revoke(made.id)
            assert made.id not in {key.id for key in await client.keys.list()}
            old = await client.webhooks.secret()
            new = await client.webhooks.rotate_secret()
            assert old.secret != new.secret
            assert new.previous_valid_until is not None

    asyncio.run(manage())


def test_a_file_in_memory_keeps_its_position(stack: Stack) -> None:
    file = io.BytesIO(b"header" + write(photo(40, 50)))
    file.seek(6)
    with Client(url(stack)) as client:
        result = client.restore(file, task="identity", format="webp", lossless=True)
    assert result.content is not None
    np.testing.assert_array_equal(read(result.content), photo(40, 50))
    assert not file.closed


def test_the_examples_of_the_readme_run(stack: Stack, tmp_path: Path) -> None:
    """In one namespace and one folder, one after another, as a reader would try them."""
    readme = (ROOT / "clients/python/README.md").read_text()
    examples = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    for name in ("holiday.jpg", "a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(write(photo(80, 90), "JPEG"))
    secret = stack.client.get("/v1/webhooks/secret").json()["secret"]
    body = b'{"type": "batch.completed", "data": {}}'
    stamp = int(time.time())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign([secret], message_id="msg_1", timestamp=stamp, body=body),
    }
    program = "\n".join(examples).replace("http://127.0.0.1:8000", url(stack))
    # The examples after the first go on with its client, which its block has closed.
    program = program.replace("with Client", "client = Client").replace(" as client:", "; if True:")
    program = program.replace("; if True:", "\nif True:").replace("whsec_...", secret)
    program = program.replace("scale=4", "scale=2")  # the largest that this stack serves
    (tmp_path / "example.py").write_text(
        f"body, headers = {body!r}, {headers!r}\n{program}\nprint('end')\n"
    )
    ran = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "clients/python")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "end"
    assert len(examples) == 5
    with zipfile.ZipFile(tmp_path / "results.zip") as archive:
        assert len(archive.namelist()) == 3
    assert read((tmp_path / "large.jpg").read_bytes()).shape == (160, 180, 3)
