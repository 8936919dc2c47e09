"""When checkpoints and validations of a run by time are due."""

import pytest

from hiir.training.run_position import RunPosition
from hiir.training.step_triggers import StepTriggers


@pytest.mark.parametrize(("took", "next_one"), [(0.5, 20.0), (5.0, 110.0)])
def test_validations_take_a_twentieth_of_the_time_at_most(make_config, took, next_one) -> None:
    config = make_config("duration=1000", "validate_seconds=10")
    position = RunPosition(config)
    triggers = StepTriggers(config, position)
    due = []
    for second in range(1, 130):
        position.seconds = float(second)
        if triggers.validation:
            due.append(position.seconds)
            triggers.validation_took(took)
    assert due[:2] == [10.0, next_one]
