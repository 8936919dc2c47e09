"""The formulas of Appendix C, held against what the layers really do."""

from collections.abc import Iterator

import pytest
import torch

from hiir.layers import attention
from hiir.layers.attention import WindowAttention
from hiir.layers.complexity import (
    Complexity,
    global_attention,
    hierarchical_attention,
    window_attention,
)
from hiir.layers.feedforward import LocalFeedForward
from hiir.layers.hierarchical import build_layer
from hiir.layers.layer_config import LayerConfig, LayerVersion
from hiir.models.flops import count_macs

HEIGHT, WIDTH = 16, 32
SIZE = {"height": HEIGHT, "width": WIDTH, "channels": 16, "heads": 2}


def layer(*, window: int, region: int, **changes: object) -> torch.nn.Module:
    config = LayerConfig(
        channels=16, heads=2, local_window=window, dispersed_window=window, region=region, **changes
    )
    built = build_layer(config, index=0)
    for module in built.modules():
        if isinstance(module, WindowAttention):
            module.position_bias.fuse()  # a constant of the weights, not work on the image
    return built


@pytest.fixture
def spaces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Values of q, k, v and map of each attention that is run."""
    found: list[int] = []
    plain = attention.attend

    def record(q, k, v, *, bias):
        n, heads, tokens, _ = q.shape
        found.append(q.numel() + k.numel() + v.numel() + n * heads * tokens**2)
        return plain(q, k, v, bias=bias)

    monkeypatch.setattr(attention, "attend", record)
    return found


def test_window_attention_costs_what_its_formula_says(spaces) -> None:
    expected = window_attention(**SIZE, window=4)
    tokens = torch.rand(1, HEIGHT, WIDTH, 16)
    plain = layer(window=4, region=8, version=LayerVersion.V1, with_l3=False)
    assert count_macs(plain, tokens) == expected.time
    assert {tokens.numel() + space for space in spaces} == {expected.space}


def test_global_attention_costs_what_its_formula_says(spaces) -> None:
    size = {**SIZE, "width": HEIGHT}
    tokens = torch.rand(1, HEIGHT, HEIGHT, 16)
    plain = layer(window=HEIGHT, region=HEIGHT, version=LayerVersion.V1, with_l3=False)
    expected = global_attention(**size)
    assert count_macs(plain, tokens) == expected.time
    assert {tokens.numel() + space for space in spaces} == {expected.space}


def test_hierarchical_attention_costs_what_its_formula_says(spaces) -> None:
    expected = hierarchical_attention(**SIZE, window=4, region=8)
    tokens = torch.rand(1, HEIGHT, WIDTH, 16)
    ours = layer(window=4, region=8)
    squeeze_excite = 2 * tokens.numel() + 2 * (2 * 16 * 8)
    assert count_macs(ours, tokens) == expected.time + squeeze_excite
    assert {tokens.numel() + space for space in spaces} == {expected.space}
    assert len(spaces) == 2


def test_a_larger_region_costs_nothing_and_more_pixels_cost_in_proportion() -> None:
    near = hierarchical_attention(**SIZE, window=4, region=8)
    far = hierarchical_attention(**SIZE, window=4, region=16)
    twice = hierarchical_attention(**{**SIZE, "height": 2 * HEIGHT}, window=4, region=8)
    assert (near.time, near.space) == (far.time, far.space)
    assert twice == Complexity(
        time=2 * near.time, space=2 * near.space, receptive_field=near.receptive_field
    )


def columns_seen(layers: torch.nn.Module) -> Iterator[int]:
    width = 64
    tokens = torch.rand(1, 8, width, 16, dtype=torch.float64, requires_grad=True)
    row = layers.double()(tokens)[0, 0]
    for column in range(width // 2 - 8, width // 2):
        (gradient,) = torch.autograd.grad(row[column].sum(), tokens, retain_graph=True)
        seen = gradient[0].abs().sum(dim=(0, 2)).nonzero()
        yield int(seen.max() - seen.min()) + 1


def test_two_layers_see_four_regions() -> None:
    torch.manual_seed(0)
    two = torch.nn.Sequential(layer(window=4, region=8), layer(window=4, region=8))
    for module in two.modules():
        if isinstance(module, LocalFeedForward):
            # A gate that does not listen: the mean of the plane would let everything be seen.
            torch.nn.init.zeros_(module.excite.weight)
    expected = hierarchical_attention(**SIZE, window=4, region=8).receptive_field
    assert max(columns_seen(two)) == expected == 32
