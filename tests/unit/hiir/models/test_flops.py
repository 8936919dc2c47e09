import pytest
import torch

from hiir.layers.feedforward import LocalFeedForward
from hiir.models.flops import count_macs, measure_cost
from hiir.models.presets import build_model, get_preset


def test_operations_are_counted_as_they_are_on_paper() -> None:
    tokens, channels = 8 * 8, 16
    counted = count_macs(LocalFeedForward(channels=channels), torch.rand(1, 8, 8, channels))
    linear = tokens * 2 * (channels * 2 * channels)
    depthwise = tokens * 2 * channels * 9
    average = tokens * 2 * channels
    squeeze_excite = 2 * (2 * channels * channels // 2)
    assert counted == linear + depthwise + average + squeeze_excite


@pytest.mark.parametrize("name", ["ushape-compact-color", "columnar-compact-x2"])
@pytest.mark.parametrize("version", ["v1", "v3"])
def test_layers_counted_once_add_up_to_the_whole_network(name: str, version: str) -> None:
    changes = {"version": version}
    cost = measure_cost(get_preset(name, changes), height=64, width=128)
    model = build_model(name, changes)
    assert cost.macs == count_macs(model, torch.rand(1, 3, 64, 128))
    assert cost.parameters == sum(parameter.numel() for parameter in model.parameters())
