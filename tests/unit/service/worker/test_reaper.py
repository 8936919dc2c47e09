"""What the reaper does with what it finds, and what it leaves alone."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from service.errors import QueueUnavailableError, StoreFaultError, StoreUnavailableError
from service.jobs.job import Job, JobStatus
from service.jobs.priority import Priority
from service.jobs.stored_image import Blob
from service.jobs.turns import OpenTurns
from service.settings.jobs import JobSettings
from service.worker.metrics_reporter import JobOutcome
from service.worker.reaper import Reaper


@dataclass
class World:
    """Everything the reaper touches, and its clock."""

    expired: list[Job] = field(default_factory=list)
    free_slots: int = 0
    due: int = 0
    is_reaper: bool = True
    error: Exception | None = None
    queue_error: Exception | None = None
    now: float = 0.0
    published: int = 0
    deleted: list[str] = field(default_factory=list)
    reported: list[JobOutcome] = field(default_factory=list)

    def hold_reaper(self, owner: str, *, seconds: float) -> bool:
        assert owner
        assert seconds > 1
        if self.error is not None:
            raise self.error
        return self.is_reaper

    def reclaim_expired(self) -> tuple[Job, ...]:
        found, self.expired = tuple(self.expired), []
        return found

    @property
    def turns(self) -> "World":
        return self

    def open(self) -> OpenTurns:
        return OpenTurns(slots=self.free_slots, interactive=4, batch=1)

    def queue_due(self) -> int:
        due, self.due = self.due, 0
        return due

    def take_ended(self) -> None:
        return None

    def publish(self) -> None:
        if self.queue_error is not None:
            raise self.queue_error
        self.published += 1

    def delete(self, blob: Blob) -> None:
        self.deleted.append(blob.id)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def reaper(world: World) -> Reaper:
    return Reaper(
        owner="me",
        jobs=world,  # type: ignore[arg-type]
        batches=world,  # type: ignore[arg-type]
        blobs=world,  # type: ignore[arg-type]
        queue=world,  # type: ignore[arg-type]
        settings=JobSettings(lease_seconds=30, reaper_seconds=5, republish_seconds=30),
        report_outcome=world.reported.append,
        clock=lambda: world.now,
    )


def test_job_of_an_expired_lease_gets_a_turn(
    world: World, reaper: Reaper, make_job: Callable[..., Job]
) -> None:
    world.expired = [make_job(status=JobStatus.QUEUED)]
    reaper.run_once()
    assert world.published == 1
    assert not world.deleted


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELED])
def test_upload_of_a_job_that_is_given_up_is_deleted(
    world: World, reaper: Reaper, make_job: Callable[..., Job], status: JobStatus
) -> None:
    world.expired = [make_job(status=status)]
    reaper.run_once()
    assert world.deleted == ["b" * 32]
    assert world.published == 1, "another job may run in its place"
    assert world.reported == [
        JobOutcome(task="denoise-color", state=status, priority=Priority.INTERACTIVE, stages={})
    ]


def test_job_that_another_took_in_the_meantime_is_left_alone(
    world: World, reaper: Reaper, make_job: Callable[..., Job]
) -> None:
    world.expired = [make_job(status=JobStatus.RUNNING)]
    reaper.run_once()
    assert not world.deleted
    assert not world.published


def test_lost_turns_are_published_again_once_in_a_period(world: World, reaper: Reaper) -> None:
    world.free_slots = 2
    counts = []
    for world.now in range(0, 130, 10):
        reaper.run_once()
        counts.append(world.published)
    assert counts == [0, 0, 0, 5, 5, 5, 5, 10, 10, 10, 10, 15, 15]


def test_turns_that_are_merely_under_way_are_not_published_again(
    world: World, reaper: Reaper
) -> None:
    for world.now in range(0, 200, 10):
        world.free_slots = 0 if world.now % 30 == 0 else 2
        reaper.run_once()
    assert world.published == 0


def test_delayed_jobs_get_turns_when_they_are_due(world: World, reaper: Reaper) -> None:
    world.due = 3
    reaper.run_once()
    reaper.run_once()
    assert world.published == 3


def test_other_reaper_is_left_to_it(
    world: World, reaper: Reaper, make_job: Callable[..., Job]
) -> None:
    world.is_reaper = False
    world.expired = [make_job(status=JobStatus.QUEUED)]
    world.due = 1
    reaper.run_once()
    assert not world.published


def test_silence_during_an_outage_of_redis_is_forgiven_for_a_lease(
    world: World, reaper: Reaper, make_job: Callable[..., Job]
) -> None:
    world.error = StoreUnavailableError()
    reaper.run_once()
    world.error, world.now = None, 100
    world.expired = [make_job(status=JobStatus.QUEUED)]
    reaper.run_once()
    world.now = 129
    reaper.run_once()
    assert not world.published
    world.now = 131
    reaper.run_once()
    assert world.published == 1


@pytest.mark.parametrize("error", [StoreUnavailableError(), StoreFaultError()])
def test_look_survives_every_error_of_the_store(
    world: World, reaper: Reaper, error: Exception
) -> None:
    world.error = error
    reaper.run_once()
    world.error, world.now = None, 1000
    world.due = 1
    reaper.run_once()
    assert world.published == 1


def test_look_survives_an_absent_queue(world: World, reaper: Reaper) -> None:
    world.queue_error = QueueUnavailableError()
    world.due = 2
    reaper.run_once()
    assert not world.published
    assert not reaper.publish(1)
    world.queue_error = None
    assert reaper.publish(2)
    assert world.published == 2
