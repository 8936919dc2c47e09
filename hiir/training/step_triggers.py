"""Triggers after a step: a checkpoint, a validation, the state before the decay."""

from hiir.training.config import TrainingConfig
from hiir.training.run_position import RunPosition

__all__ = ["StepTriggers"]


_VALIDATION_SHARE = 0.05
"""Maximum share of a run's time."""


class StepTriggers:
    """Counts in steps, or in seconds if the length of the run is a time."""

    def __init__(self, config: TrainingConfig, position: RunPosition) -> None:
        self._config, self._position = config, position
        self._saved = self._validated = position.seconds
        self._rest = 0.0
        self._stable_kept = position.decays

    @property
    def checkpoint(self) -> bool:
        """Return whether a checkpoint is due; call it once after each step."""
        if self._config.duration is None:
            return self._position.step % self._config.checkpoint_every == 0
        due = self._position.seconds - self._saved >= self._config.checkpoint_seconds
        if due:
            self._saved = self._position.seconds
        return due

    @property
    def validation(self) -> bool:
        """Return whether a validation is due; call it once after each step."""
        if self._config.duration is None:
            return self._position.step % self._config.validate_every == 0
        pause = max(self._config.validate_seconds, self._rest)
        due = self._position.seconds - self._validated >= pause
        if due:
            self._validated = self._position.seconds
        return due

    def validation_took(self, seconds: float) -> None:
        """Delay the next validation, so that validations take a small share of the run's time."""
        self._rest = seconds / _VALIDATION_SHARE

    @property
    def stable(self) -> bool:
        """Return True once, before the decay starts, if the length of the run is a time."""
        due = self._config.duration is not None and not self._stable_kept
        self._stable_kept = True
        return due
