import pytest

from service.capacity.backlog import Backlog, BacklogWatch, clamp_pause
from service.capacity.load import Load


def backlog(*, slots=2, depth=8, running=2, pixels=30e6, pace=4.0):
    load = Load(
        slots=slots,
        running=running,
        depth={"denoise": depth},
        oldest_age={"denoise": 5.0},
        pixels={"a" * 64: pixels, "b" * 64: 5e6},
    )
    return Backlog(load=load, paces={"a" * 64: pace})


def test_the_wait_is_the_work_that_is_left_over_those_who_do_it():
    assert backlog().wait_seconds == pytest.approx(30 * 4.0 / 2)
    assert backlog(slots=3).wait_seconds == pytest.approx(40)


def test_without_a_worker_nobody_can_tell():
    assert backlog(slots=0).wait_seconds is None
    assert backlog(slots=0).pause_for(1) == 30


def test_what_was_never_measured_counts_for_nothing():
    assert Backlog(load=backlog().load, paces={}).wait_seconds == 0
    assert Backlog(load=backlog().load, paces={}).pause_for(1) == 30


@pytest.mark.parametrize(("ends", "seconds"), [(1, 6), (2.5, 15), (10, 60), (99, 60)])
def test_the_pause_is_as_long_as_so_many_jobs_take(ends, seconds):
    assert backlog().pause_for(ends) == seconds


@pytest.mark.parametrize(("seconds", "pause"), [(0.0, 1), (1.2, 2), (99_999.0, 3600)])
def test_a_pause_is_whole_seconds_and_an_hour_at_most(seconds, pause):
    assert clamp_pause(seconds) == pause


class Looks:
    """Counts how often it is looked at."""

    def __init__(self):
        self.count = 0

    def look(self):
        self.count += 1
        return backlog().load

    def all(self):
        return {"a" * 64: 4.0}


def test_a_look_serves_for_a_second():
    looks, now = Looks(), [0.0]
    watch = BacklogWatch(loads=looks, paces=looks, clock=lambda: now[0])
    first = watch.look()
    now[0] = 0.9
    assert watch.look() is first
    now[0] = 2.0
    assert watch.look() is not first
    assert looks.count == 2
