"""The stages of one attempt at a job, with their durations and their spans."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType

from service.jobs.job import Stage
from service.observability.spans import span


class JobStages:
    """Times the stages, one at a time. The first stage is decoding."""

    def __init__(self) -> None:
        self._stage = Stage.DECODE
        self._entered = time.monotonic()
        self._spans = ExitStack()
        self._seconds: dict[str, float] = {}

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds spent in each stage and part that has ended."""
        return self._seconds

    def begin(self) -> None:
        """Start the span of the first stage."""
        self._spans.enter_context(span(self._stage.value))

    def enter(self, stage: Stage) -> None:
        """End the current stage and start another one."""
        self.close(stage)
        self._spans.close()
        self._spans.enter_context(span(stage.value))

    def close(self, following: Stage = Stage.DONE) -> None:
        """Stop the clock of the current stage once; its span goes on, and includes what follows."""
        if following is self._stage:
            return
        now = time.monotonic()
        self._seconds[self._stage.value] = round(now - self._entered, 3)
        self._stage, self._entered = following, now

    def add(self, parts: Mapping[str, float]) -> None:
        """Add the seconds spent in parts of a stage, by name."""
        for name, seconds in parts.items():
            self._seconds[name] = round(self._seconds.get(name, 0.0) + seconds, 3)

    def end(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the span of the current stage; an error marks it as failed."""
        self._spans.__exit__(kind, error, traceback)
