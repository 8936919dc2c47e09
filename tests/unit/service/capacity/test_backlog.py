from dataclasses import replace

import pytest

from service.capacity.backlog import Backlog, BacklogMonitor, clamp_retry_after
from service.capacity.load import Load, PriorityLoad
from service.jobs.priority import Priority

INTERACTIVE, BATCH = Priority
MEASURED, UNMEASURED = "a" * 64, "b" * 64


def priority_load(*, queued=0.0, running=0.0, depth=0, jobs=0):
    return PriorityLoad(
        running=jobs,
        depth={"denoise": depth},
        oldest_age={"denoise": 5.0},
        queued_pixels={MEASURED: queued * 1e6, UNMEASURED: 5e6},
        running_pixels={MEASURED: running * 1e6},
    )


def backlog(*, slots=2, interactive=None, batch=None, interactive_slots=1, pace=4.0):
    by_priority = {
        INTERACTIVE: interactive or priority_load(queued=24, running=6, depth=8, jobs=2),
        BATCH: batch or priority_load(),
    }
    return Backlog(
        load=Load(slots=slots, by_priority=by_priority),
        seconds_per_megapixel={MEASURED: pace},
        interactive_slots=interactive_slots,
    )


def test_the_wait_is_the_work_that_is_left_over_the_slots():
    assert backlog().wait_seconds(INTERACTIVE) == pytest.approx(30 * 4.0 / 2)
    assert backlog(slots=3).wait_seconds(INTERACTIVE) == pytest.approx(40)


def test_interactive_jobs_do_not_wait_for_queued_batch_jobs():
    batch = priority_load(queued=1000, running=50, depth=99, jobs=1)
    idle = backlog(interactive=priority_load(), batch=batch)
    assert idle.wait_seconds(INTERACTIVE) == 0
    busy = backlog(interactive=priority_load(queued=10, depth=5), batch=batch)
    assert busy.wait_seconds(INTERACTIVE) == pytest.approx(10 * 4.0), "on the slot that is kept"


def test_interactive_jobs_wait_for_a_running_batch_job_where_there_is_a_single_slot():
    batch = priority_load(queued=1000, running=50, depth=99, jobs=1)
    alone = backlog(slots=1, interactive=priority_load(), batch=batch)
    assert alone.wait_seconds(INTERACTIVE) == pytest.approx(50 * 4.0)


def test_slots_of_batch_jobs_that_end_soon_are_counted():
    batch = priority_load(queued=1000, running=2, depth=99, jobs=1)
    soon = backlog(interactive=priority_load(queued=10, depth=5), batch=batch)
    assert soon.wait_seconds(INTERACTIVE) == pytest.approx((10 + 2) * 4.0 / 2)


def test_batch_jobs_wait_for_all_work_and_do_not_use_the_slot_that_is_kept():
    batch = priority_load(queued=20, running=10, depth=3, jobs=1)
    assert backlog(batch=batch).wait_seconds(BATCH) == pytest.approx(30 * 4.0)
    shared = backlog(batch=batch, interactive_slots=0)
    assert shared.wait_seconds(BATCH) == pytest.approx((30 + 30) * 4.0 / 2)


def test_only_the_share_of_the_queue_before_a_job_counts():
    batch = priority_load(queued=200, running=10, depth=20, jobs=1)
    idle = backlog(interactive=priority_load(), batch=batch)
    assert idle.wait_seconds(BATCH, share=0.05) == pytest.approx(20 * 4.0)


def test_without_a_worker_nobody_can_tell():
    for priority in Priority:
        assert backlog(slots=0).wait_seconds(priority) is None
        assert backlog(slots=0).retry_after(1, priority=priority) == 30


def test_what_was_never_measured_counts_for_nothing():
    unmeasured = replace(backlog(), seconds_per_megapixel={})
    assert unmeasured.wait_seconds(INTERACTIVE) == 0
    assert unmeasured.retry_after(1) == 30


@pytest.mark.parametrize(("ends", "seconds"), [(1, 6), (2.5, 15), (10, 60), (99, 60)])
def test_the_pause_is_as_long_as_so_many_jobs_take(ends, seconds):
    for priority in Priority:
        assert backlog().retry_after(ends, priority=priority) == seconds


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
    monitor = BacklogMonitor(
        loads=store, throughput=store, interactive_slots=1, clock=lambda: now[0]
    )
    first = monitor.snapshot()
    now[0] = 0.9
    assert monitor.snapshot() is first
    now[0] = 2.0
    assert monitor.snapshot() is not first
    assert store.count == 2
