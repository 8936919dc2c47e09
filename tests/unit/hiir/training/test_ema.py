import pytest
import torch
from torch import nn

from hiir.training.ema import WeightAverage
from hiir.training.flat_weights import FlatWeights


@pytest.fixture
def model() -> nn.Module:
    return nn.Linear(3, 2)


def set_all(weights: FlatWeights, value: float) -> None:
    weights.fill(weights.values, {name: torch.full_like(p, value) for name, p in named(weights)})


def named(weights: FlatWeights) -> list[tuple[str, torch.Tensor]]:
    return list(weights.named(weights.values.detach()).items())


def averaged(model: nn.Module, values: list[float], *, decay: float, first_step: int) -> float:
    """The average after updates with constant weights, which begin at 0."""
    weights = FlatWeights(model, dtype=torch.float32)
    set_all(weights, 0)
    average = WeightAverage(weights, decay=decay)
    for step, value in enumerate(values, start=first_step):
        set_all(weights, value)
        average.set_decay(step)
        average.update()
    found = {float(v) for tensor in average.named.values() for v in tensor.unique()}
    assert len(found) == 1
    return found.pop()


def test_the_average_of_three_updates_has_its_closed_form(model) -> None:
    # Far from the start the decay d is that of the configuration:
    # (1 - d) (d^2 w1 + d w2 + w3), the weights at the start being 0.
    actual = averaged(model, [1.0, 2.0, 4.0], decay=0.9, first_step=10_000)
    assert actual == pytest.approx(0.1 * (0.81 * 1 + 0.9 * 2 + 4), rel=1e-5)


def test_the_first_steps_count_for_more(model) -> None:
    # After 1 and 2 steps the decay is 2/11 and 3/12, whatever the configuration asks for.
    actual = averaged(model, [1.0, 3.0], decay=0.999, first_step=1)
    assert actual == pytest.approx(3 / 12 * (9 / 11 * 1) + 9 / 12 * 3, rel=1e-5)


def test_an_average_is_taken_up_where_it_was_left(model) -> None:
    weights = FlatWeights(model, dtype=torch.float32)
    set_all(weights, 2)
    average = WeightAverage(weights, decay=0.5)
    average.load({name: torch.full_like(p, 6) for name, p in named(weights)})
    average.set_decay(100)
    average.update()
    other = nn.Linear(3, 2)
    average.copy_to(other)
    for tensor in (*average.named.values(), *other.parameters()):
        torch.testing.assert_close(tensor.detach(), torch.full_like(tensor, 4))


def test_what_is_averaged_is_not_changed(model) -> None:
    weights = FlatWeights(model, dtype=torch.float32)
    before = weights.values.detach().clone()
    average = WeightAverage(weights, decay=0.5)
    average.set_decay(1)
    average.update()
    assert torch.equal(weights.values.detach(), before)
