import pytest
import torch

from hiir.layers.attention import WindowAttention
from hiir.layers.axial import AxialAttention
from hiir.layers.hierarchical import InterleavedLayer, build_layer
from hiir.layers.initialization import Initialization, initialize
from hiir.layers.layer_config import LayerConfig, LayerVersion
from hiir.layers.position_bias import ContinuousPositionBias
from hiir.layers.similarity import Similarity
from hiir.layers.stage_convolution import StageConvolution, StageConvolutionKind

BASE = {"channels": 180, "heads": 6, "local_window": 16, "dispersed_window": 16, "region": 64}
SMALL = {"channels": 16, "heads": 2, "local_window": 4, "dispersed_window": 4, "region": 8}


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("version", "with_l3", "counted"),
    [
        (LayerVersion.V1, True, 334_644),
        (LayerVersion.V2, True, 469_938),
        (LayerVersion.V3, True, 371_838),
        (LayerVersion.V3, False, 302_988),
        (LayerVersion.V4, True, 371_838 + 41_808),
    ],
)
def test_layers_have_the_parameters_that_make_the_published_sums(version, with_l3, counted) -> None:
    layer = build_layer(LayerConfig(**BASE, version=version, with_l3=with_l3), index=0)
    assert parameters(layer) == counted


def test_v1_takes_turns_between_the_window_and_the_region() -> None:
    config = LayerConfig(**BASE, version=LayerVersion.V1)
    layers = [build_layer(config, index=index) for index in range(4)]
    assert all(isinstance(layer, InterleavedLayer) for layer in layers)
    assert [layer.attention.region for layer in layers] == [16, 64, 16, 64]


@pytest.mark.parametrize("similarity", list(Similarity))
@pytest.mark.parametrize("version", list(LayerVersion))
def test_frozen_layers_compute_what_live_ones_do(version, similarity) -> None:
    torch.manual_seed(0)
    layer = build_layer(LayerConfig(**SMALL, version=version, similarity=similarity), index=0)
    tokens = torch.rand(1, 16, 16, 16)
    with torch.no_grad():
        for module in layer.modules():
            if isinstance(module, WindowAttention | AxialAttention):
                for parameter in module.parameters():
                    parameter.mul_(2)
        expected = layer(tokens)
        for module in layer.modules():
            if isinstance(module, WindowAttention | AxialAttention):
                module.fuse()
        torch.testing.assert_close(layer(tokens), expected)


def test_the_flow_beyond_reaches_along_rows_and_columns_of_its_length() -> None:
    attention = AxialAttention(channels=4, heads=1, length=8, similarity=Similarity.DOT)
    tokens = torch.rand(1, 16, 16, 4, requires_grad=True)
    attention(tokens)[0, 2, 3].sum().backward()
    reached = tokens.grad.abs().sum(dim=-1)[0] > 0
    assert reached[:8, :8].all()
    assert reached.sum() == 64


def test_position_bias_has_the_published_number_of_parameters() -> None:
    assert parameters(ContinuousPositionBias(height=16, width=16, heads=6)) == 4608


@pytest.mark.parametrize("similarity", list(Similarity))
def test_attention_is_the_textbook_formula_inside_a_window(similarity: Similarity) -> None:
    torch.manual_seed(0)
    attention = WindowAttention(channels=8, heads=2, window=4, region=4, similarity=similarity)
    tokens = torch.rand(1, 4, 4, 8)
    q, k, v = attention.qkv(tokens.view(16, 8)).split([4, 4, 8], dim=-1)
    bias = attention.position_bias()
    expected = []
    for head in range(2):
        qh, kh, vh = q[:, 2 * head :][:, :2], k[:, 2 * head :][:, :2], v[:, 4 * head :][:, :4]
        if similarity is Similarity.COSINE:
            qh, kh = (t / t.norm(dim=-1, keepdim=True) for t in (qh, kh))
        weights = torch.softmax(attention.scale[head] * (qh @ kh.T) + bias[head], dim=-1)
        expected.append(weights @ vh)
    torch.testing.assert_close(attention(tokens).view(16, 8), torch.cat(expected, dim=-1))


def test_bias_depends_on_the_offset_alone_and_tells_directions_apart() -> None:
    torch.manual_seed(0)
    bias = ContinuousPositionBias(height=4, width=4, heads=1)()[0].detach()
    assert bias[0, 1] == bias[1, 2] == bias[4, 5]
    assert bias[0, 1] != bias[1, 0]


def test_frozen_bias_equals_the_live_one_until_it_is_thawed() -> None:
    bias = ContinuousPositionBias(height=4, width=4, heads=2)
    live = bias().detach()
    bias.fuse()
    torch.nn.init.zeros_(bias.head.weight)
    assert torch.equal(bias(), live)
    bias.unfuse()
    assert not torch.equal(bias(), live)


def test_stage_convolutions_have_the_sizes_of_the_paper() -> None:
    sizes = {
        kind: parameters(StageConvolution(channels=180, kind=kind)) for kind in StageConvolutionKind
    }
    assert sizes == {
        StageConvolutionKind.CONV1: 180 * 180 * 9 + 180,
        StageConvolutionKind.LINEAR: 180 * 180 + 180,
        StageConvolutionKind.CONV3: (180 * 45 * 9 + 45) + (45 * 45 + 45) + (45 * 180 * 9 + 180),
    }


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        (Initialization.ZERO_LAYERNORM, "norm_attention.weight", 0.0),
        (Initialization.ZERO_LAYERNORM, "norm_attention.bias", 0.0),
        (Initialization.RESIDUAL_RESCALE, "project.weight", 0.0002),
        (Initialization.WEIGHT_RESCALE, "feedforward.expand.weight", 0.002),
        (Initialization.TRUNC_NORMAL, "feedforward.expand.weight", 0.02),
    ],
)
def test_initializations_scale_what_they_name(kind, name, expected) -> None:
    layer = build_layer(LayerConfig(**{**SMALL, "channels": 64}), index=0)
    initialize(layer, kind)
    weight = dict(layer.named_parameters())[name]
    assert weight.square().mean().sqrt().item() == pytest.approx(expected, rel=0.1)
