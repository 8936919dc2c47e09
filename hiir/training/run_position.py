"""How far a run is: in steps, or in seconds where its length is a time."""

import time
from dataclasses import dataclass, field

from hiir.training.config import PhaseConfig, TrainingConfig

__all__ = ["RunPosition"]


@dataclass(slots=True)
class RunPosition:
    """Steps and seconds of a run, over all processes that worked on it one after the other.

    The schedule is written in steps. Where the length is a time, the share of the time that has
    passed is the share of these steps that is done, however many steps were really taken.
    """

    config: TrainingConfig
    step: int = 0
    """Optimizer steps that were taken."""
    seconds: float = 0.0
    """Of training, validation included, up to the last :meth:`tick`."""
    _last: float | None = field(default=None, init=False)

    def tick(self) -> None:
        """Count the time since the last call; the first begins to count."""
        now = time.monotonic()
        if self._last is not None:
            self.seconds += now - self._last
        self._last = now

    @property
    def scheduled(self) -> float:
        """Place in the schedule, in steps of the configuration."""
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
        """Whether the learning rate has begun to fall for good."""
        return self.scheduled >= self.config.steps * (1 - self.config.schedule.decay_share)
