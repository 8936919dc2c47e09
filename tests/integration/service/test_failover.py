"""The primary of Redis is killed under load: Sentinel promotes a replica, and no job is lost."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from redis import Redis

from service.embedded.ports import choose_port
from tests.integration.service.replicated_redis import ReplicatedRedis
from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
JOBS, BEFORE = 200, 60


@pytest.fixture
def replicated(tmp_path: Path, taken_ports: set[int]) -> Iterator[ReplicatedRedis]:
    servers = ReplicatedRedis(tmp_path, taken_ports)
    with servers.running():
        yield servers


@pytest.fixture
def own_stack(
    stack: Stack, replicated: ReplicatedRedis, tmp_path: Path, taken_ports: set[int]
) -> Iterator[Stack]:
    """API and worker of the test's own, on the replicated Redis and the session's Triton."""
    port = choose_port(28_601, taken=taken_ports)
    changes = {
        "HIIR_REDIS_URL": replicated.url,
        "HIIR_REPLICAS__REQUIRED": "1",
        "HIIR_METRICS__API_PORT": "0",
        "HIIR_METRICS__WORKER_PORT": "0",
    }
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:

        def is_alive() -> bool:
            try:
                return client.get("/livez").is_success
            except httpx.HTTPError:
                return False

        here = [
            str(port) if part == str(stack.client.base_url.port) else part
            for part in stack.api.command
        ]
        own = replace(
            stack,
            redis=replicated.servers[0],
            worker=replace(
                stack.worker,
                environment={**stack.worker.environment, **changes},
                log=tmp_path / "worker.log",
            ),
            api=replace(
                stack.api,
                command=tuple(here),
                environment={**stack.api.environment, **changes},
                log=tmp_path / "api.log",
                is_ready=is_alive,
            ),
            client=client,
        )
        try:
            own.start()
            yield own
        finally:
            own.api.kill()
            own.worker.kill()


def test_killed_primary_loses_no_accepted_job(
    own_stack: Stack, replicated: ReplicatedRedis
) -> None:
    photos = [photo(96, 96, seed=seed) for seed in range(4)]
    contents = [write(pixels) for pixels in photos]
    accepted: list[tuple[str, float]] = []
    refused: list[str] = []

    def send() -> None:
        for number in range(JOBS):
            wait_until(lambda number=number: submit(number), "the job to be accepted")

    def submit(number: int) -> bool:
        answer = own_stack.client.post(
            "/v1/jobs",
            data={"task": "identity"},
            files={"file": contents[number % len(contents)]},
        )
        if answer.status_code == 202:
            accepted.append((answer.json()["id"], time.monotonic()))
            return True
        assert answer.status_code == 503, answer.text
        refused.append(answer.json()["code"])
        return False

    sending = threading.Thread(target=send)
    sending.start()
    wait_until(lambda: len(accepted) >= BEFORE, "jobs before the failover")
    own_stack.redis.kill()
    killed, killed_at = time.monotonic(), time.time()
    sending.join(180)
    assert len(accepted) == JOBS
    assert len({job_id for job_id, _ in accepted}) == JOBS
    promoted = replace(own_stack, redis_url=replicated.primary_url())
    assert str(replicated.ports[0]) not in promoted.redis_url
    for number, (job_id, _) in enumerate(accepted):
        promoted.ends_succeeded_once(job_id, photos[number % len(photos)])
    with Redis.from_url(f"{promoted.redis_url}/1", decode_responses=True) as redis:
        ends = [ends_of(redis, job_id) for job_id, _ in accepted]
        finished = sorted(
            float(redis.hget(f"hiir:job:{job_id}", "finished_at") or 0) for job_id, _ in accepted
        )
    assert ends == [1] * JOBS
    acceptance = min(at for _, at in accepted if at > killed) - killed
    work = min(at for at in finished if at > killed_at + 0.5) - killed_at
    print(  # noqa: T201 - the figures
        f"\n{JOBS} jobs, all ended once; {len(refused)} submissions refused ({set(refused)}); "
        f"accepted again {acceptance:.1f} s after the kill, first end after {work:.1f} s, "
        f"last after {finished[-1] - killed_at:.1f} s"
    )


def ends_of(redis: "Redis[str]", job_id: str) -> int:
    """Events that end a job."""
    events = redis.xrange(f"hiir:events:{job_id}")
    return sum(fields["kind"] == "completed" for _, fields in events)
