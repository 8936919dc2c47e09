import pytest
import torch

from hiir.layers.attention import Similarity, WindowAttention
from hiir.layers.hierarchical import HierarchicalLayer
from hiir.layers.initialization import Initialization, initialize
from hiir.layers.position_bias import ContinuousPositionBias
from hiir.layers.stage_convolution import StageConvolution, StageConvolutionKind


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("with_l3", "published"), [(True, 371_838), (False, 302_988)])
def test_layer_has_the_published_number_of_parameters(with_l3: bool, published: int) -> None:
    layer = HierarchicalLayer(
        channels=180, heads=6, local_window=16, dispersed_window=16, region=64, with_l3=with_l3
    )
    assert parameters(layer) == published


def test_position_bias_has_the_published_number_of_parameters() -> None:
    assert parameters(ContinuousPositionBias(window=16, heads=6)) == 4608


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
    bias = ContinuousPositionBias(window=4, heads=1)()[0].detach()
    assert bias[0, 1] == bias[1, 2] == bias[4, 5]
    assert bias[0, 1] != bias[1, 0]


def test_frozen_bias_equals_the_live_one_until_it_is_thawed() -> None:
    bias = ContinuousPositionBias(window=4, heads=2)
    live = bias().detach()
    bias.freeze()
    torch.nn.init.zeros_(bias.head.weight)
    assert torch.equal(bias(), live)
    bias.thaw()
    assert not torch.equal(bias(), live)


def test_every_parameter_of_a_layer_gets_a_gradient() -> None:
    layer = HierarchicalLayer(channels=16, heads=2, local_window=4, dispersed_window=4, region=8)
    layer(torch.rand(1, 16, 16, 16)).square().mean().backward()
    idle = [name for name, p in layer.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 10, "heads": 3, "window": 4, "region": 4}, "10 channels.*3 heads"),
        ({"channels": 8, "heads": 2, "window": 4, "region": 6}, "region 6.*window 4"),
    ],
)
def test_widths_and_windows_that_do_not_divide_are_refused(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        WindowAttention(**arguments)


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
        (Initialization.RESIDUAL_RESCALE, "project.weight", 0.0002),
        (Initialization.WEIGHT_RESCALE, "feedforward.expand.weight", 0.002),
        (Initialization.TRUNC_NORMAL, "feedforward.expand.weight", 0.02),
    ],
)
def test_initialisations_scale_what_they_name(kind, name, expected) -> None:
    layer = HierarchicalLayer(channels=64, heads=2, local_window=4, dispersed_window=4, region=8)
    initialize(layer, kind)
    weight = dict(layer.named_parameters())[name]
    assert weight.square().mean().sqrt().item() == pytest.approx(expected, rel=0.1)
