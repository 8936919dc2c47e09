import pytest
import torch
from torch import nn

from hiir.training.flat_weights import FlatWeights


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.GELU(), nn.Linear(5, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_network_computes_as_before_with_views_of_one_tensor(dtype: torch.dtype) -> None:
    model, image = network(), torch.rand(4, 3)
    expected = model(image)
    FlatWeights(model, dtype=dtype)
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    assert len({p.untyped_storage().data_ptr() for p in model.parameters()}) == 1
    tolerance = 0 if dtype is torch.float32 else 0.02
    torch.testing.assert_close(model(image.to(dtype)).float(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_step_moves_every_weight_as_an_optimizer_of_all_would(dtype: torch.dtype) -> None:
    plain, model, image = network(), network(), torch.rand(4, 3)
    weights = FlatWeights(model, dtype=dtype)
    for _ in range(2):  # gradients of the first step are not in the second
        optimizers = (
            torch.optim.SGD(plain.parameters(), lr=0.1),
            torch.optim.SGD([weights.values], lr=0.1),
        )
        optimizers[0].zero_grad()
        plain(image).square().mean().backward()
        model(image.to(dtype)).float().square().mean().backward()
        weights.collect()
        for optimizer in optimizers:
            optimizer.step()
        weights.publish()
    tolerance = 1e-6 if dtype is torch.float32 else 0.01
    own = weights.named(weights.values)
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(own[name], parameter, rtol=0, atol=tolerance)
        torch.testing.assert_close(
            dict(model.named_parameters())[name], own[name].to(dtype), rtol=0, atol=0
        )


def test_steps_too_small_for_half_precision_add_up() -> None:
    model = network()
    weights = FlatWeights(model, dtype=torch.bfloat16)
    weights.fill(weights.values, {name: torch.ones_like(p) for name, p in model.named_parameters()})
    for _ in range(100):
        with torch.no_grad():
            weights.values += 1e-4  # a bfloat16 of 1 has no neighbor nearer than 0.0039
        weights.publish()
    for parameter in model.parameters():
        torch.testing.assert_close(
            parameter.float(), torch.full(parameter.shape, 1.01), rtol=0, atol=0.004
        )
        assert (parameter > 1).all()


def test_parts_begin_where_a_cache_line_does() -> None:
    weights = FlatWeights(network(), dtype=torch.bfloat16)
    starts = [part.storage_offset() for part in weights.named(weights.values).values()]
    assert [start % 32 for start in starts] == [0] * 4
    assert sorted(set(starts)) == starts
