"""Learning rate as a function of the step alone, so that resuming needs no state."""

import math

from hiir.training.config import ScheduleKind, TrainingConfig

__all__ = ["learning_rate"]


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Rate for a step counted from 0: linear warm-up, constant, then a cosine or steps.

    Warm-up lets large models converge (Hi-IR, section 4).
    """
    peak, schedule = config.optimizer.lr, config.schedule
    if step < schedule.warmup:
        return peak * (step + 1) / schedule.warmup
    if schedule.kind is ScheduleKind.MULTI_STEP:
        passed = sum(step >= milestone for milestone in schedule.milestones)
        return float(peak * schedule.gamma**passed)
    decay_from = config.steps * (1 - schedule.decay_share)
    if step < decay_from:
        return peak
    progress = (step - decay_from) / (config.steps - decay_from)
    low = schedule.lr_min
    return low + (peak - low) * (1 + math.cos(math.pi * progress)) / 2
