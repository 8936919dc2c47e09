"""The position of a run: in steps, or in seconds if its length is a time."""

import time
from dataclasses import dataclass, field

from hiir.training.config import PhaseConfig, TrainingConfig

__all__ = ["RunPosition"]


@dataclass(slots=True)
class RunPosition:
    """Steps and seconds of a run, over all processes that worked on it one after the other.

    The schedule is written in steps. If the length is a time, the elapsed share of the time is the
    completed share of the schedule, however many steps were taken.
    """

    config: TrainingConfig
    step: int = 0
    """Number of optimizer steps taken."""
    seconds: float = 0.0
    """Seconds of training, validation included, until the last :meth:`tick`."""
    _last: float | None = field(default=None, init=False)

    def tick(self) -> None:
        """Add the time since the last call; the first call starts the clock."""
        now = time.monotonic()
        if self._last is not None:
            self.seconds += now - self._last
        self._last = now

    @property
    def scheduled(self) -> float:
        """The position in the schedule, in steps of the configuration."""
        if self.config.duration is None:
            return self.step
        return self.seconds / self.config.duration * self.config.steps

    @property
    def phase(self) -> PhaseConfig:
        """The phase of the next step."""
        return self.config.phase(min(int(self.scheduled), self.config.steps - 1))

    @property
    def finished(self) -> bool:
        """Whether no step is left."""
        return self.scheduled >= self.config.steps

    @property
    def decays(self) -> bool:
        """Whether the final decay of the learning rate has started."""
        return self.scheduled >= self.config.steps * (1 - self.config.schedule.decay_share)
