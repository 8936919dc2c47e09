"""What makes inference fast: one graph for the compiler, half precision with a known error."""

import math
from collections.abc import Iterator

import pytest
import torch

from hiir.layers.similarity import Similarity
from hiir.models.architecture import RestorationModel
from hiir.models.presets import get_preset

KINDS = {
    "ushape-compact-color": {},
    "columnar-compact-x2": {"similarity": "cosine", "layers": [1]},
    "columnar-v1-x2": {"layers": [2], "region": 16},
    "columnar-v2-x2": {"layers": [1], "region": 16},
    "columnar-v4-x2": {"layers": [1], "region": 16},
}


@pytest.fixture(params=KINDS)
def frozen(request: pytest.FixtureRequest, scale_up) -> RestorationModel:
    torch.manual_seed(0)
    return scale_up(get_preset(request.param, KINDS[request.param]).build())


@pytest.fixture
def tile(frozen: RestorationModel) -> torch.Tensor:
    side = frozen.config.size_multiple
    return torch.rand(1, 3, side, side)


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.usefixtures("fresh_compiler")
def test_the_compiler_sees_one_graph(frozen, tile) -> None:
    compiled = torch.compile(frozen, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(tile), frozen(tile))


# Errors in dB against float32, relative to the largest output; measured: docs/05-performance.md.
@pytest.mark.parametrize(("dtype", "least"), [(torch.float16, 65), (torch.bfloat16, 48)])
def test_half_precision_is_as_near_as_it_is_said_to_be(frozen, tile, dtype, least) -> None:
    with torch.inference_mode():
        exact = frozen(tile)
        half = frozen.to(dtype)(tile.to(dtype)).float()
    assert half.isfinite().all()
    error = (half - exact).square().mean().sqrt()
    assert 20 * math.log10(exact.abs().max() / error) >= least


def test_attention_is_padded_to_one_aligned_width_once(scale_up) -> None:
    model = scale_up(get_preset("columnar-base-x4", {"layers": [1]}).build())
    attention = model.stages[0].layers[0].local
    assert attention.similarity is Similarity.DOT
    q, k, v = attention.fused_weight.view(3, 6, 32, 180)
    assert not q[:, 15:].any()
    assert not k[:, 15:].any()
    assert not v[:, 30:].any()
    assert v[:, :30].all()
