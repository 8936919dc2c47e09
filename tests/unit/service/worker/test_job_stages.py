from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from service.jobs.job import Stage
from service.observability.spans import UnrecordedSpan, install_recorder
from service.observability.trace_context import TraceContext
from service.worker.job_stages import JobStages


class Recorder:
    def __init__(self) -> None:
        self.open: list[str] = []
        self.failed: list[str] = []

    def start(self, name: str, *, parent: TraceContext | None, **_: Any) -> "Step":
        self.open.append(name)
        return Step(recorder=self, name=name, context=UnrecordedSpan.start(parent).context)


@dataclass(frozen=True, kw_only=True)
class Step:
    recorder: Recorder
    name: str
    context: TraceContext

    def set(self, attributes: Any) -> None:
        return

    def fail(self, kind: str) -> None:
        self.recorder.failed.append(self.name)

    def end(self, *, at: float | None = None) -> None:
        self.recorder.open.remove(self.name)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    install_recorder(recorder)
    yield recorder
    install_recorder(None)


def test_one_stage_at_a_time_has_an_open_span(recorder: Recorder) -> None:
    stages = JobStages()
    stages.begin()
    assert recorder.open == ["decode"]
    stages.enter(Stage.RESTORE)
    assert recorder.open == ["restore"]
    stages.end(None, None, None)
    assert (recorder.open, recorder.failed) == ([], [])


def test_an_error_fails_the_stage_in_which_it_happened(recorder: Recorder) -> None:
    stages = JobStages()
    stages.begin()
    stages.enter(Stage.ENCODE)
    stages.end(ValueError, ValueError(), None)
    assert (recorder.open, recorder.failed) == ([], ["encode"])


def test_a_stage_is_timed_until_it_is_first_closed() -> None:
    stages = JobStages()
    stages.begin()
    stages.enter(Stage.STORE)
    stages.close()
    first = dict(stages.seconds)
    stages.close()  # the store is tried again
    assert dict(stages.seconds) == first
    assert first.keys() == {"decode", "store"}
    stages.add({"tile": 0.25})
    stages.add({"tile": 0.5})
    assert stages.seconds["tile"] == 0.75
    stages.end(None, None, None)
