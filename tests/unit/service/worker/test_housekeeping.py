"""The parent's thread: alive while the event loop turns, and the order of an end."""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from service.errors import StoreUnavailableError
from service.settings.jobs import JobSettings
from service.worker.housekeeping import DrainFlag, WorkerHousekeeping


class Store:
    def __init__(self) -> None:
        self.events: list[str] = []
        self.error: Exception | None = None

    def beat(self, worker: str, *, seconds: float, slots: int) -> None:
        if self.error is not None:
            raise self.error
        self.events.append(f"beat {worker}")

    def retire(self, worker: str) -> None:
        self.events.append(f"retire {worker}")


class Looks:
    def __init__(self) -> None:
        self.count = 0
        self.published: list[int] = []
        self.queue_answers = True

    def run_once(self) -> None:
        self.count += 1

    def publish(self, turns: int) -> bool:
        self.published.append(turns)
        return self.queue_answers


class World:
    def __init__(self) -> None:
        self.store, self.reaper, self.drain = Store(), Looks(), DrainFlag()
        self.now = 0.0
        self.housekeeping = WorkerHousekeeping(
            jobs=self.store,  # type: ignore[arg-type]
            reaper=self.reaper,  # type: ignore[arg-type]
            drain=self.drain,
            settings=JobSettings(reaper_seconds=0.01, drain_seconds=0.05),
            clock=lambda: self.now,
        )

    def wait_looks(self, count: int) -> None:
        wait(lambda: self.reaper.count >= count)


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.housekeeping.start("worker@here", slots=2)
    yield world
    world.housekeeping.begin_drain()
    wait(world.drain.is_set)


def test_worker_is_alive_while_its_loop_turns(world: World) -> None:
    world.wait_looks(3)
    assert set(world.store.events) == {"beat worker@here"}
    world.now = 60.0  # the loop has not turned since
    world.wait_looks(world.reaper.count + 2)
    world.store.events.clear()
    world.wait_looks(world.reaper.count + 3)
    assert not world.store.events
    world.housekeeping.on_event_loop_tick()
    wait(lambda: "beat worker@here" in world.store.events)


def test_a_new_worker_publishes_a_turn_for_each_slot_once(world: World) -> None:
    world.wait_looks(5)
    assert world.reaper.published == [2]


def test_turns_of_a_new_worker_are_published_when_the_queue_answers() -> None:
    world = World()
    world.reaper.queue_answers = False
    world.housekeeping.start("worker@here", slots=3)
    world.wait_looks(3)
    world.reaper.queue_answers = True
    count = len(world.reaper.published)
    wait(lambda: len(world.reaper.published) > count)
    world.wait_looks(world.reaper.count + 3)
    assert set(world.reaper.published) == {3}
    assert len(world.reaper.published) <= count + 2
    world.housekeeping.begin_drain()
    wait(world.drain.is_set)


def test_absent_redis_is_survived(world: World) -> None:
    world.store.error = StoreUnavailableError()
    world.wait_looks(world.reaper.count + 3)
    world.store.events.clear()
    world.store.error = None
    wait(lambda: bool(world.store.events))


def test_end_is_told_before_jobs_are_asked_for(world: World) -> None:
    world.wait_looks(1)
    world.housekeeping.begin_drain()
    wait(lambda: "retire worker@here" in world.store.events)
    wait(world.drain.is_set)
    assert world.store.events[-1] == "retire worker@here"


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_flag_is_seen_by_a_process_that_was_forked_before() -> None:
    flag = DrainFlag()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(told, 1)
        os._exit(0 if flag.is_set() else 1)
    flag.set()
    os.write(tell, b"x")
    _, status = os.waitpid(child, 0)
    os.close(told)
    os.close(tell)
    assert os.waitstatus_to_exitcode(status) == 0
