import pytest
import torch
from torch import nn

from hiir.training.config import OptimizerConfig, OptimizerKind
from hiir.training.flat_weights import FlatWeights
from hiir.training.optimizer import FlatOptimizer

RATE, DECAY = 0.01, 0.1


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 32), nn.Linear(32, 4))


def stepped(kind: OptimizerKind, *, steps: int = 1) -> tuple[dict, dict, dict]:
    """Weights before, gradients of every step, and weights after."""
    config = OptimizerConfig(
        kind=kind, lr=1.0, betas=(0.9, 0.99), weight_decay=DECAY, clip_norm=None
    )
    model = network()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    weights = FlatWeights(model, dtype=torch.float32)
    optimizer = FlatOptimizer(config, weights)
    random = torch.Generator().manual_seed(1)
    gradients = {name: torch.randn(p.shape, generator=random) for name, p in before.items()}
    for _ in range(steps):
        weights.fill(weights.values.grad, gradients)
        optimizer.set_rate(RATE)
        optimizer.step()
    return before, gradients, weights.named(weights.values.detach())


def test_muon_moves_a_matrix_in_all_directions_alike() -> None:
    before, gradients, after = stepped(OptimizerKind.MUON)
    moved = before["0.weight"] * (1 - RATE * DECAY) - after["0.weight"]
    left, given, right = torch.linalg.svd(gradients["0.weight"], full_matrices=False)
    along = (left.T @ moved @ right.T).diagonal() / (RATE * 0.2 * 32**0.5)
    assert given.max() > 4 * given.min()
    assert along.min() > 0.6
    assert along.max() < 1.3


@pytest.mark.parametrize("name", ["0.bias", "1.weight", "1.bias"])
def test_muon_leaves_biases_and_narrow_matrices_to_adamw(name: str) -> None:
    muon, adamw = (stepped(kind, steps=3)[2] for kind in (OptimizerKind.MUON, OptimizerKind.ADAMW))
    torch.testing.assert_close(muon[name], adamw[name], rtol=0, atol=0)
    assert not torch.equal(muon["0.weight"], adamw["0.weight"])


@pytest.mark.parametrize("kind", [OptimizerKind.ADAM, OptimizerKind.ADAMW])
def test_the_kinds_of_adam_are_those_of_torch(kind: OptimizerKind) -> None:
    before, gradients, after = stepped(kind, steps=3)
    named = {OptimizerKind.ADAM: torch.optim.Adam, OptimizerKind.ADAMW: torch.optim.AdamW}[kind]
    parameters = {name: nn.Parameter(value) for name, value in before.items()}
    expected = named(parameters.values(), lr=RATE, betas=(0.9, 0.99), weight_decay=DECAY)
    for _ in range(3):
        for name, parameter in parameters.items():
            parameter.grad = gradients[name].clone()
        expected.step()
    for name, parameter in parameters.items():
        torch.testing.assert_close(after[name], parameter.detach(), rtol=1e-5, atol=1e-6)
