import pytest

from service.capacity.backlog import Backlog, BacklogMonitor, clamp_retry_after
from service.capacity.load import Load


def backlog(*, slots=2, depth=8, running=2, pixels=30e6, pace=4.0):
    load = Load(
        slots=slots,
        running=running,
        depth={"denoise": depth},
        oldest_age={"denoise": 5.0},
        pixels={"a" * 64: pixels, "b" * 64: 5e6},
    )
    return Backlog(load=load, seconds_per_megapixel={"a" * 64: pace})


def test_the_wait_is_the_work_that_is_left_over_those_who_do_it():
    assert backlog().wait_seconds == pytest.approx(30 * 4.0 / 2)
    assert backlog(slots=3).wait_seconds == pytest.approx(40)


def test_without_a_worker_nobody_can_tell():
    assert backlog(slots=0).wait_seconds is None
    assert backlog(slots=0).retry_after(1) == 30


def test_what_was_never_measured_counts_for_nothing():
    assert Backlog(load=backlog().load, seconds_per_megapixel={}).wait_seconds == 0
    assert Backlog(load=backlog().load, seconds_per_megapixel={}).retry_after(1) == 30


@pytest.mark.parametrize(("ends", "seconds"), [(1, 6), (2.5, 15), (10, 60), (99, 60)])
def test_the_pause_is_as_long_as_so_many_jobs_take(ends, seconds):
    assert backlog().retry_after(ends) == seconds


@pytest.mark.parametrize(("seconds", "pause"), [(0.0, 1), (1.2, 2), (99_999.0, 3600)])
def test_a_pause_is_whole_seconds_and_an_hour_at_most(seconds, pause):
    assert clamp_retry_after(seconds) == pause


class CountingStore:
    """Counts the snapshots that are taken."""

    def __init__(self):
        self.count = 0

    def snapshot(self):
        self.count += 1
        return backlog().load

    def all(self):
        return {"a" * 64: 4.0}


def test_a_snapshot_is_cached_for_one_second():
    store, now = CountingStore(), [0.0]
    monitor = BacklogMonitor(loads=store, throughput=store, clock=lambda: now[0])
    first = monitor.snapshot()
    now[0] = 0.9
    assert monitor.snapshot() is first
    now[0] = 2.0
    assert monitor.snapshot() is not first
    assert store.count == 2
