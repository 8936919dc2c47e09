"""That a step of a run does what its configuration says: rate, clipping and averaging.

Seen from outside, in the checkpoints that are left after each step.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hiir.training.checkpoint import Checkpoint
from hiir.training.config import TrainingConfig
from hiir.training.loop import train
from hiir.training.run_folder import RunFolder

# An average over one gradient: a step of Adam is then the rate times the gradient's sign.
SIGN = ("optimizer.kind=adamw", "optimizer.betas=[0.0, 0.0]", "optimizer.weight_decay=0.0")


@pytest.fixture
def checkpoints(tmp_path: Path) -> Callable[[TrainingConfig], list[Checkpoint]]:
    """Give a function that trains and returns the state after each step."""

    def run_through(config: TrainingConfig) -> list[Checkpoint]:
        run = RunFolder(tmp_path / "run")
        states = []
        for _ in range(config.steps):
            train(config, run, seconds=0)
            state = run.load()
            assert state is not None
            states.append(state)
        assert [state.step for state in states] == list(range(1, config.steps + 1))
        return states

    return run_through


def flat(tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


def test_each_step_is_as_long_as_the_schedule_says(make_config, checkpoints) -> None:
    config = make_config(
        *SIGN,
        "optimizer.lr=0.01",
        "schedule.kind=cosine",
        "schedule.warmup=3",
        "schedule.decay_share=0.4",
        "schedule.lr_min=0.001",
        steps=5,
    )
    states = [flat(state.weights) for state in checkpoints(config)]
    lengths = [float((after - before).abs().max()) for before, after in pairwise(states)]
    # Two thirds and all of the warm-up, the peak where the decay begins, half of the decay.
    assert lengths == pytest.approx([0.02 / 3, 0.01, 0.01, 0.0055], rel=1e-3)


@pytest.mark.parametrize("norm", [1e-3, 1e-5])
def test_a_gradient_is_clipped_to_the_norm_of_the_configuration(
    make_config, checkpoints, norm: float
) -> None:
    # After one step the first moment is a tenth of the gradient.
    betas = ("optimizer.kind=adamw", "optimizer.betas=[0.9, 0.99]")
    config = make_config(*betas, f"optimizer.clip_norm={norm}", steps=1)
    (state,) = checkpoints(config)
    assert float(flat(state.first_moment).norm()) == pytest.approx(0.1 * norm, rel=1e-3)


def test_a_gradient_that_is_not_to_be_clipped_is_longer(make_config, checkpoints) -> None:
    betas = ("optimizer.kind=adamw", "optimizer.betas=[0.9, 0.99]")
    (state,) = checkpoints(make_config(*betas, "optimizer.clip_norm=null", steps=1))
    assert float(flat(state.first_moment).norm()) > 1e-3


def test_the_average_of_a_run_is_that_of_its_weights(make_config, checkpoints) -> None:
    config = make_config(*SIGN, "optimizer.lr=0.01", "ema=0.3", steps=3)
    states = checkpoints(config)
    for before, after in pairwise(states):
        decay = min(0.3, (1 + after.step) / (10 + after.step))
        expected = decay * flat(before.average) + (1 - decay) * flat(after.weights)
        torch.testing.assert_close(flat(after.average), expected, rtol=0, atol=1e-6)
        assert not torch.allclose(flat(after.average), flat(after.weights), atol=1e-4)
