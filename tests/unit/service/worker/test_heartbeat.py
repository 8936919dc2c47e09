"""The thread beside a job: what it tells, and why it stops the job."""

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from service.errors import StoreUnavailableError
from service.jobs.job import Job, Progress, Stage
from service.jobs.lease import Lease, LeaseState
from service.settings.jobs import JobSettings
from service.worker.heartbeat import Heartbeat, StopReason


class Store:
    """Answers reports with what it is told to."""

    def __init__(self) -> None:
        self.answer: LeaseState | Exception = LeaseState.HELD
        self.heard: list[tuple[float, Progress]] = []
        self.checks: list[float] = []
        """Times of the reports without progress."""

    def report(self, _: Lease, progress: Progress | None = None) -> LeaseState:
        if progress is None:
            self.checks.append(time.monotonic())
        else:
            self.heard.append((time.monotonic(), progress))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Beating:
    """A heartbeat and what surrounds it."""

    def __init__(self, job: Job, **settings: Any) -> None:
        self.store = Store()
        self.draining = threading.Event()
        self.heartbeat = Heartbeat(
            jobs=self.store,  # type: ignore[arg-type]
            lease=Lease(job=job, token="token"),
            settings=JobSettings(**{"lease_seconds": 0.06, **settings}),
            should_drain=self.draining.is_set,
        )

    def wait_reason(self) -> StopReason | None:
        deadline = time.monotonic() + 20
        while self.heartbeat.reason is None and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.heartbeat.reason

    def wait_beats(self, count: int) -> None:
        deadline = time.monotonic() + 20
        while len(self.store.heard) < count:
            assert time.monotonic() < deadline
            time.sleep(0.005)


@pytest.fixture
def start(make_job: Callable[..., Job]) -> Any:
    started: list[Beating] = []

    def begin(**settings: Any) -> Beating:
        beating = Beating(make_job(), **settings)
        beating.heartbeat.start()
        started.append(beating)
        return beating

    yield begin
    for beating in started:
        beating.heartbeat.end()


def test_latest_progress_is_told(start: Callable[..., Beating]) -> None:
    beating = start()
    beating.heartbeat.progress = Progress(stage=Stage.RESTORE, tiles_done=3, tiles_total=9)
    beating.wait_beats(len(beating.store.heard) + 2)
    assert beating.store.heard[-1][1].tiles_done == 3
    assert beating.heartbeat.reason is None


def test_beats_come_at_most_twice_a_second_and_three_times_in_a_lease(
    start: Callable[..., Beating],
) -> None:
    slow, quick = start(lease_seconds=30), start(lease_seconds=0.3)
    slow.wait_beats(3)
    quick.wait_beats(3)
    for beating, pause in ((slow, 0.5), (quick, 0.1)):
        times = [moment for moment, _ in beating.store.heard]
        assert all(later - earlier >= 0.9 * pause for earlier, later in pairwise(times))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(LeaseState.LOST, StopReason.LEASE_LOST), (LeaseState.STOP, StopReason.CANCELED)],
)
def test_answer_of_the_store_stops_the_job(
    start: Callable[..., Beating], answer: LeaseState, reason: StopReason
) -> None:
    beating = start()
    beating.store.answer = answer
    assert beating.wait_reason() is reason


def test_time_limit_stops_the_job(start: Callable[..., Beating]) -> None:
    beating = start(soft_time_limit=1, hard_time_limit=2)
    assert beating.wait_reason() is StopReason.TIMED_OUT


def test_end_of_the_worker_stops_the_job(start: Callable[..., Beating]) -> None:
    beating = start()
    beating.draining.set()
    assert beating.wait_reason() is StopReason.DRAINED


def test_first_reason_stays_and_the_lease_is_kept(start: Callable[..., Beating]) -> None:
    beating = start()
    beating.draining.set()
    beating.wait_reason()
    beating.store.answer = LeaseState.STOP
    beating.wait_beats(len(beating.store.heard) + 3)
    assert beating.heartbeat.reason is StopReason.DRAINED


def test_absent_store_is_no_reason(start: Callable[..., Beating]) -> None:
    beating = start()
    beating.store.answer = StoreUnavailableError()
    beating.wait_beats(4)
    assert beating.heartbeat.reason is None
    beating.store.answer = LeaseState.STOP
    assert beating.wait_reason() is StopReason.CANCELED


def test_block_is_interrupted_once_and_only_inside(start: Callable[..., Beating]) -> None:
    beating = start()
    calls: list[str] = []
    with beating.heartbeat.interrupting(lambda: calls.append("before")):
        beating.wait_beats(2)
    assert calls == []
    with beating.heartbeat.interrupting(lambda: calls.append("inside")):
        beating.draining.set()
        beating.wait_reason()
        beating.wait_beats(len(beating.store.heard) + 2)
    assert calls == ["inside"]
    with beating.heartbeat.interrupting(lambda: calls.append("late")):
        assert calls == ["inside", "late"]


def test_a_cancellation_is_seen_after_a_tile_before_the_next_beat(
    start: Callable[..., Beating],
) -> None:
    beating = start(lease_seconds=30)
    beating.wait_beats(1)  # the next one is half a second away
    beating.store.answer = LeaseState.STOP
    beating.heartbeat.check_soon()
    assert beating.wait_reason() is StopReason.CANCELED
    assert len(beating.store.heard) == 1


def test_many_tiles_are_few_checks_and_no_more_progress(start: Callable[..., Beating]) -> None:
    beating = start(lease_seconds=30)
    began = time.monotonic()
    while time.monotonic() < began + 1.2:
        beating.heartbeat.check_soon()
        time.sleep(0.001)
    seconds = time.monotonic() - began
    assert 3 <= len(beating.store.checks) <= seconds / 0.05 + 1
    assert 1 <= len(beating.store.heard) <= seconds / 0.5 + 1


def test_without_tiles_there_are_beats_alone(start: Callable[..., Beating]) -> None:
    beating = start(lease_seconds=0.3)
    beating.wait_beats(3)
    assert beating.store.checks == []
