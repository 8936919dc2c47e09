import copy

import pytest
import torch
from torch import Tensor, nn

from hiir.export.half_precision import run_in_half
from hiir.models.presets import build_model
from hiir.models.release import load_release


def decibels(a: Tensor, b: Tensor) -> float:
    return float(20 * torch.log10(a.abs().max() / (a - b).square().mean().sqrt()))


@pytest.mark.parametrize("name", ["denoise-color", "sr-x4"])
def test_it_is_what_torch_computes_in_its_own_half_precision(name: str) -> None:
    release = load_release(name)
    model, channels = release.model, release.contract.input_channels
    tiles = torch.rand(1, channels, 64, 64, generator=torch.Generator().manual_seed(0))
    run = run_in_half(model, tiles)
    with torch.inference_mode():
        full = model(tiles)
        half = copy.deepcopy(model).half()(tiles.half()).float()
    assert decibels(full, run.output) == pytest.approx(decibels(full, half), abs=1)
    assert 60 < decibels(full, run.output) < 90


def test_the_model_stays_as_it_is() -> None:
    torch.manual_seed(0)
    model = build_model("ushape-compact-color").eval().fuse()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    run_in_half(model, torch.rand(1, 3, 64, 64))
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())
    assert not any(module._forward_hooks for module in model.modules())


class Up(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return values * 40_000


class Down(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return values / 40_000


@pytest.mark.parametrize(("level", "peak"), [(1.0, 40_000), (2.0, float("inf"))])
def test_the_largest_value_inside_is_found_with_its_layer(level: float, peak: float) -> None:
    model = nn.Sequential(Up(), Down())
    run = run_in_half(model, torch.full((1, 1, 2, 2), level))
    assert run.peak.value == pytest.approx(peak, rel=1e-3)
    assert (run.peak.layer, run.peak.operation) == ("0", "aten.mul")


def test_a_value_that_is_no_number_is_no_small_one() -> None:
    class Root(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            return (values - 2).sqrt()

    run = run_in_half(Root(), torch.rand(1, 1, 2, 2))
    assert run.peak.value == float("inf")
    assert str(run.peak) == "inf in aten.sqrt of the model"


def test_the_logits_of_attention_are_values_too() -> None:
    """A fused kernel would keep them to itself; the graph that is served stores them."""
    torch.manual_seed(0)
    model = build_model("ushape-compact-color").eval()
    with torch.no_grad():
        model.encoder[0].layers[0].local.scale.mul_(1e6)
    run = run_in_half(model.fuse(), torch.rand(1, 3, 64, 64))
    assert run.peak.layer.startswith("encoder.0.layers.0.local")
    assert run.peak.value > 3e4
