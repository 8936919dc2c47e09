"""The learning rate as a function of the run's position alone, so that resuming needs no state."""

import math

from hiir.training.config import ScheduleKind
from hiir.training.run_position import RunPosition

__all__ = ["learning_rate"]

_WARM_UP_SHARE = 0.05  # of a run whose length is a time


def learning_rate(position: RunPosition) -> float:
    """Return the rate of the next step: linear warm-up, constant, then a cosine or steps.

    Warm-up lets large models converge (Hi-IR, section 4). One long constant part and one decay at
    the end (warm-up, stable, decay) allow a run to be continued from the end of its constant part.
    """
    config, place = position.config, position.scheduled
    peak, schedule = config.optimizer.lr, config.schedule
    if position.step < schedule.warmup:
        peak *= max((position.step + 1) / schedule.warmup, _time_of_warm_up(position))
    if schedule.kind is ScheduleKind.MULTI_STEP:
        passed = sum(place >= milestone for milestone in schedule.milestones)
        return float(peak * schedule.gamma**passed)
    decay_from = config.steps * (1 - schedule.decay_share)
    if place < decay_from:
        return peak
    progress = min((place - decay_from) / (config.steps - decay_from), 1.0)
    low = min(schedule.lr_min, peak)
    return low + (peak - low) * (1 + math.cos(math.pi * progress)) / 2


def _time_of_warm_up(position: RunPosition) -> float:
    """Progress of the warm-up by time, up to 1: a short run would not finish it by its steps."""
    if position.config.duration is None:
        return 0.0
    return min(position.seconds / position.config.duration / _WARM_UP_SHARE, 1.0)
