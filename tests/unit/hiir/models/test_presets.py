"""One suite over every registered preset."""

import pytest
import torch

from hiir.layers.position_bias import ContinuousPositionBias
from hiir.models.presets import PRESETS, UnknownPresetError, build_model, get_preset
from hiir.models.ushape import UShapeConfig


@pytest.fixture(params=sorted(PRESETS))
def preset(request: pytest.FixtureRequest) -> str:
    return request.param


def test_any_size_goes_in_and_comes_out(preset: str) -> None:
    config = PRESETS[preset]
    model = build_model(preset).eval()
    image = torch.rand(2, config.in_channels, 37, 71)
    with torch.inference_mode():
        restored = model(image)
    assert restored.shape == (2, config.out_channels, 37, 71)
    assert restored.isfinite().all()


def test_every_parameter_gets_a_gradient(preset: str) -> None:
    torch.manual_seed(0)
    model = build_model(preset)
    side = PRESETS[preset].size_multiple
    model(torch.rand(1, PRESETS[preset].in_channels, side, side)).square().mean().backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_freezing_changes_no_output(preset: str) -> None:
    torch.manual_seed(0)
    model = build_model(preset).eval()
    side = PRESETS[preset].size_multiple
    image = torch.rand(1, PRESETS[preset].in_channels, side, side)
    with torch.inference_mode():
        expected = model(image)
        assert torch.equal(model.freeze()(image), expected)
    biases = [m for m in model.modules() if isinstance(m, ContinuousPositionBias)]
    assert biases
    assert all(bias.frozen is not None for bias in biases)


def test_padding_is_invisible_at_a_multiple_of_the_size(preset: str) -> None:
    model = build_model(preset).eval()
    side = PRESETS[preset].size_multiple
    image = torch.rand(1, PRESETS[preset].in_channels, side, side)
    padded = torch.nn.functional.pad(image[..., :-1, :-1], (0, 1, 0, 1), "replicate")
    with torch.inference_mode():
        torch.testing.assert_close(model(image[..., :-1, :-1]), model(padded)[..., :-1, :-1])


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownPresetError, match=r"'nonsense'.*ushape-compact-color"):
        get_preset("nonsense")


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"heads": (2, 4)}, "3 levels"), ({"decoder_layers": (2,)}, "must name 2 levels")],
)
def test_levels_that_do_not_match_are_refused(changes: dict, message: str) -> None:
    levels = {
        "in_channels": 3,
        "out_channels": 3,
        "width": 16,
        "layers": (1, 1, 1),
        "decoder_layers": (1, 1),
        "heads": (2, 2, 2),
        "local_windows": (4, 4, 4),
        "dispersed_windows": (4, 4, 4),
        "regions": (8, 8, 8),
    }
    with pytest.raises(ValueError, match=message):
        UShapeConfig(**{**levels, **changes})


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(TypeError, match="depth"):
        UShapeConfig(depth=3)
