import pytest
import torch

from hiir.layers.attention import WindowAttention
from hiir.layers.layer_config import ArchitectureError, LayerVersion
from hiir.layers.similarity import Similarity
from hiir.models.presets import PRESETS, UnknownPresetError, build_model, get_preset
from hiir.models.ushape import UShapeConfig

COMPACT = "ushape-compact-color"


def fused(model: torch.nn.Module) -> set[bool]:
    return {m.fused_weight is not None for m in model.modules() if isinstance(m, WindowAttention)}


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownPresetError, match=r"'nonsense'.*ushape-compact-color"):
        get_preset("nonsense")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (COMPACT, {"depth": 3}, "unknown key 'depth' of UShapeConfig; the keys are .*width"),
        (COMPACT, {"heads": (2, 4, 7)}, "channels 128 must be a multiple of heads 7"),
        (COMPACT, {"heads": (2, 4, 128)}, "width of q and k 64 must be a multiple of heads 128"),
        (COMPACT, {"regions": (16, 12, 8)}, "region 12 must be a multiple of dispersed_window 8"),
        (COMPACT, {"heads": (2, 0, 4)}, "heads 0 must be at least 1"),
        (COMPACT, {"heads": (2, 4)}, r"layers \(2, 2, 2\) names 3 levels"),
        (COMPACT, {"decoder_layers": (2,)}, r"decoder_layers \(2,\) must name 2 levels"),
        (COMPACT, {"in_channels": 4}, "in_channels 4 must be a multiple of out_channels 3"),
        (COMPACT, {"similarity": "euclid"}, "similarity 'euclid' must be one of dot, cosine"),
        (COMPACT, {"width": "wide"}, "width 'wide' must be of the kind of 32"),
        ("columnar-base-x4", {"scale": 5}, "scale 5 must be one of 2, 3, 4"),
        ("columnar-base-x4", {"layers": ()}, r"layers \(\) must name at least one stage"),
        ("columnar-base-x4", {"in_channels": 1}, "in_channels 1 and out_channels 3 must be equal"),
        ("columnar-base-x4", {"heads": 7}, "channels 180 must be a multiple of heads 7"),
    ],
)
def test_a_wrong_configuration_names_the_value_and_the_rule(name, changes, message) -> None:
    with pytest.raises(ArchitectureError, match=message):
        get_preset(name, changes)


def test_a_wrong_configuration_is_refused_without_a_preset_too() -> None:
    with pytest.raises(TypeError, match="depth"):
        UShapeConfig(depth=3)


@pytest.mark.parametrize("tile", [0, 32, 100])
def test_a_tile_that_is_no_multiple_of_the_regions_is_refused(tile: int) -> None:
    with pytest.raises(ArchitectureError, match=f"tile {tile} must be a positive multiple of 64"):
        PRESETS[COMPACT].check_tile(tile)


def test_changes_are_read_as_a_file_has_them() -> None:
    config = get_preset(COMPACT, {"similarity": "cosine", "version": "v1", "layers": [1, 1, 1]})
    assert config.similarity is Similarity.COSINE
    assert config.version is LayerVersion.V1
    assert config.layers == (1, 1, 1)
    assert build_model(COMPACT, {"width": 16}).config.width == 16


def test_a_model_that_trains_or_loads_is_not_fused() -> None:
    model = build_model(COMPACT).eval().fuse()
    assert fused(model) == {True}
    assert fused(model.train()) == {False}
    model.eval().fuse().load_state_dict(build_model(COMPACT).state_dict())
    assert fused(model) == {False}


def test_two_views_are_restored_around_their_mean() -> None:
    model = build_model("ushape-compact-dual-pixel").eval()
    torch.nn.init.zeros_(model.conv_last.weight)
    torch.nn.init.zeros_(model.conv_last.bias)
    views = torch.rand(1, 6, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(model(views), (views[:, :3] + views[:, 3:]) / 2)


def test_a_light_tail_starts_from_the_enlarged_image() -> None:
    model = build_model("columnar-compact-x3").eval()
    torch.nn.init.zeros_(model.upsampler.conv_last.weight)
    torch.nn.init.zeros_(model.upsampler.conv_last.bias)
    image = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        enlarged = torch.nn.functional.interpolate(image, scale_factor=3, mode="nearest")
        assert torch.equal(model(image), enlarged)


def test_a_network_that_is_told_the_noise_level_changes_nothing_without_noise() -> None:
    torch.manual_seed(0)
    model = build_model("ushape-compact-color-level").eval()
    with torch.no_grad():
        # Untrained, it adds nothing.
        model.conv_last.weight.normal_(std=0.02)
    image = torch.rand(1, 3, 64, 64)

    def change(level: float) -> torch.Tensor:
        plane = torch.full((1, 1, 64, 64), level / 255)
        with torch.inference_mode():
            return model(torch.cat((image, plane), dim=1)) - image

    assert not change(0).any()
    assert change(0.5).abs().max() > 0.001
    torch.testing.assert_close(change(0.25), change(0.5) / 2, atol=2e-3, rtol=0.05)
