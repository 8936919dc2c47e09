"""Sixty jobs while servers are killed at random and Redis is full: each ends once, and well.

Victims are worker, Triton, Redis, API and the sender of webhooks; each owner gets its webhook.
`CHAOS_JOBS` and `CHAOS_SEED` make another run of it: `CHAOS_JOBS=300` is the acceptance check. The
seed decides who is killed and when; what that meets depends on the machine.
"""

import contextlib
import itertools
import os
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

import httpx
import pytest
import redis

from tests.integration.service.receiver import Receiver, receiving
from tests.integration.service.stack import Process, Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
JOBS = int(os.environ.get("CHAOS_JOBS", "60"))
SEED = int(os.environ.get("CHAOS_SEED", "20"))
PATIENCE_S = 60 + 4 * JOBS
PAUSE_S = 0.3
"""Between two submissions, so that each kill meets some."""
SOME_TILES = (110, 160)
PHOTOS = [write(photo(*SOME_TILES, seed=seed)) for seed in range(8)]
SLOW_EVERY = 12
"""One job in so many is slow enough to be met by a kill."""
VICTIMS = (
    ("worker",),
    ("redis",),
    ("triton",),
    ("worker", "redis"),
    ("redis",),
    ("worker",),
    ("api",),
    ("webhooks",),
    ("api", "webhooks"),
    (),
)
"""Servers that are killed together; nobody, and Redis is full instead."""
ORDER = ("redis", "triton", "worker", "webhooks", "api")
"""In which they are started: none before what it needs."""
FULL_SECONDS = 3


@dataclass(kw_only=True)
class Sender:
    """A client that sends until it is heard, each job under a key of its own."""

    client: httpx.Client
    webhook_url: str
    jobs: dict[str, int] = field(default_factory=dict)
    """Number of the photo, by the job's id."""
    refused: Counter[int] = field(default_factory=Counter)
    unheard: int = 0

    def run(self) -> None:
        for number in range(JOBS):
            self._send(number)
            time.sleep(PAUSE_S)

    def _send(self, number: int) -> None:
        task = "slow-identity" if number % SLOW_EVERY == 0 else "identity"
        key = uuid.uuid4().hex
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                answer = self.client.post(
                    "/v1/jobs",
                    data={"task": task, "webhook_url": self.webhook_url},
                    files={"file": PHOTOS[number % len(PHOTOS)]},
                    headers={"idempotency-key": key},
                )
            except httpx.TransportError:  # the API was killed
                self.unheard += 1
                time.sleep(0.2)
                continue
            if answer.status_code == 202:
                self.jobs[answer.json()["id"]] = number % len(PHOTOS)
                return
            assert answer.status_code in {409, 503}, answer.text
            self.refused[answer.status_code] += 1
            time.sleep(0.2)


@dataclass(kw_only=True)
class Witness:
    """Reads the ends of jobs as they come: the events of a job expire ten minutes after its end."""

    stack: Stack
    ends: dict[str, dict[str, str]] = field(default_factory=dict)
    """Status by the event's id, by the job's id."""
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.ended.wait(1):
            with contextlib.suppress(redis.RedisError):  # it is killed too
                self.look()

    def look(self) -> None:
        with self.stack.database(1) as database:
            for key in database.keys("hiir:events:*"):
                for event_id, event in database.xrange(key):
                    if event["kind"] == "completed":
                        job_id = key.rpartition(":")[2]
                        self.ends.setdefault(job_id, {})[event_id] = event["status"]


def undisturbed(stack: Stack) -> list[str]:
    """SHA-256 of each photo's result when nothing is killed."""
    jobs = [stack.submit(content, "identity")["id"] for content in PHOTOS]
    return [stack.wait_end(job_id)["output"]["sha256"] for job_id in jobs]


def kill_and_restart(processes: list[Process], pause_s: float) -> None:
    for process in processes:
        process.kill()
    time.sleep(pause_s)
    for process in processes:
        process.start()


def fill_for_a_while(stack: Stack) -> None:
    """Leave Redis at 96 % of its memory, at which no job is leased and none is accepted."""
    with stack.database(1) as database:
        before = database.config_get("maxmemory")["maxmemory"]
        database.config_set("maxmemory", int(database.info("memory")["used_memory"] / 0.96))
        time.sleep(FULL_SECONDS)
        database.config_set("maxmemory", before)


@pytest.fixture
def hooks(stack: Stack) -> Stack:
    if stack.webhooks.process is None:
        stack.webhooks.start()
    return stack


def test_every_job_ends_once_and_as_if_nothing_had_happened(hooks: Stack) -> None:
    with receiving() as receiver:
        disturb(hooks, receiver)


def disturb(stack: Stack, receiver: Receiver) -> None:
    expected = undisturbed(stack)
    sender = Sender(client=stack.client, webhook_url=receiver.url)
    sending = threading.Thread(target=sender.run)
    witness = Witness(stack=stack)
    watching = threading.Thread(target=witness.run)
    chance = random.Random(SEED)
    rounds = [list(victims) for victims in VICTIMS]
    chance.shuffle(rounds)
    sending.start()
    watching.start()
    for number in itertools.count():
        if number >= len(rounds) and not sending.is_alive():
            break
        victims = rounds[number % len(rounds)]
        time.sleep(chance.uniform(0.5, 3))
        chosen = [getattr(stack, name) for name in ORDER if name in victims]
        if chosen:
            kill_and_restart(chosen, chance.uniform(0, 1.5))
        else:
            fill_for_a_while(stack)
    sending.join(PATIENCE_S)
    stack.start()
    assert len(sender.jobs) == JOBS

    with stack.database(1) as database:
        wait_until(
            lambda: not stack.count_queued() and not database.zcard("hiir:leases"),
            "all jobs to end",
            timeout_s=PATIENCE_S,
            pause_s=0.5,
        )
    witness.ended.set()
    watching.join()
    witness.look()
    completed = {job_id: list(witness.ends.get(job_id, {}).values()) for job_id in sender.jobs}
    assert {job_id: told for job_id, told in completed.items() if told != ["succeeded"]} == {}
    for job_id, number in sender.jobs.items():
        job = stack.job(job_id)
        assert (job["status"], job["output"]["sha256"]) == ("succeeded", expected[number]), job
        assert stack.client.get(job["urls"]["result"]).headers["etag"] == f'"{expected[number]}"'
    assert sender.refused[503] > 0, "some must have come while a server was away"
    assert sender.unheard > 0, "some must have come while the API was away"
    wanted = {f"msg_{job_id}_completed" for job_id in sender.jobs}

    def told() -> set[str]:
        return {headers["webhook-id"] for headers, _ in tuple(receiver.received)}

    wait_until(lambda: told() >= wanted, "the webhooks")
    assert told() == wanted
    assert {body["data"]["status"] for body in receiver.bodies()} == {"succeeded"}
