import pytest
import torch
from torch import nn

from hiir.training.muon import Muon, orthogonalize


@pytest.mark.parametrize("shape", [(3, 24, 32), (2, 48, 16), (1, 32, 32)])
def test_the_singular_values_of_every_matrix_come_near_one(shape) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalize(matrices).float())
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_matrices_of_all_shapes_move_as_those_of_torch_do() -> None:
    random = torch.Generator().manual_seed(0)
    shapes = {"a": (32, 64), "b": (32, 64), "c": (64, 32), "d": (24, 24)}
    before = {name: torch.randn(shape, generator=random) for name, shape in shapes.items()}
    weights = {name: tensor.clone() for name, tensor in before.items()}
    gradients = {name: torch.zeros(shape) for name, shape in shapes.items()}
    momenta = {name: torch.zeros(shape) for name, shape in shapes.items()}
    ours = Muon(weights=weights, gradients=gradients, momenta=momenta, momentum=0.9)
    parameters = {name: nn.Parameter(tensor.clone()) for name, tensor in before.items()}
    theirs = torch.optim.Muon(
        parameters.values(), lr=0.01, momentum=0.9, weight_decay=0, adjust_lr_fn="match_rms_adamw"
    )
    for _ in range(3):
        for name, gradient in gradients.items():
            gradient.copy_(torch.randn(gradient.shape, generator=random))
            parameters[name].grad = gradient.clone()
        ours.step(0.01)
        theirs.step()
    for name, parameter in parameters.items():
        moved, expected = weights[name] - before[name], parameter.detach() - before[name]
        # Both compute in bfloat16, in another order.
        assert (moved - expected).norm() < 0.06 * expected.norm()
