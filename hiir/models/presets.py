"""All presets by name, in one explicit list.

`hiir/models/published_counts.py` compares the paper's presets with the counts that it prints.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hiir.errors import HiirError
from hiir.layers.layer_config import LayerVersion
from hiir.layers.stage_convolution import StageConvolutionKind
from hiir.models.architecture import ArchitectureConfig, RestorationModel
from hiir.models.columnar import ColumnarConfig, Upsampler
from hiir.models.ushape import UShapeConfig

__all__ = ["PRESETS", "UnknownPresetError", "build_model", "get_preset"]

_COMPACT_USHAPE = UShapeConfig(
    in_channels=3,
    out_channels=3,
    # Half resolution first: two CPU cores restore a megapixel in seconds.
    stem=2,
    width=32,
    layers=(2, 2, 2),
    decoder_layers=(2, 2),
    heads=(2, 4, 8),
    # In pixels of the image L1 spans 16, 32, 32 and L2 spans 32, 64, 64: one hierarchy.
    local_windows=(8, 8, 4),
    dispersed_windows=(8, 8, 8),
    regions=(16, 16, 8),
)

# Most layers at an eighth of the resolution, where they cost least: 2.3 times the weights of the
# model above for 1.3 times its seconds.
_DEEP_USHAPE = replace(_COMPACT_USHAPE, layers=(2, 2, 8))

# Queries and keys are 8 wide, so that a head costs softmax and copies, not products: half the heads
# train 13 to 18 % faster at no loss. The names give the width of the finest level.
_COMPACT_H_USHAPE = replace(_COMPACT_USHAPE, heads=(1, 2, 4))
_LEAN32_USHAPE = replace(_COMPACT_H_USHAPE, layers=(1, 3, 8), decoder_layers=(1, 3))
_LEAN48_USHAPE = replace(
    _COMPACT_USHAPE, width=48, heads=(1, 3, 6), layers=(1, 2, 6), decoder_layers=(1, 2)
)
# Trained in minutes on a GPU, or in days on two CPU cores.
_MID48_USHAPE = replace(_LEAN48_USHAPE, layers=(2, 3, 8), decoder_layers=(2, 3))
_MID64_USHAPE = replace(
    _COMPACT_USHAPE, width=64, layers=(2, 4, 8), decoder_layers=(2, 4), heads=(2, 4, 8)
)

# Three levels down, one latent, three up, six layers each. The paper gives neither widths nor
# windows; these meet its count (22.33 M) and come within 0.5 % of its 153.66 GMACs.
_USHAPE = UShapeConfig(
    in_channels=3,
    out_channels=3,
    width=52,
    layers=(6, 6, 6, 6),
    decoder_layers=(6, 6, 6),
    heads=(1, 2, 4, 8),
    local_windows=(8, 8, 8, 8),
    dispersed_windows=(16, 16, 16, 16),
    regions=(64, 64, 32, 16),
    wide_decoder=True,
)

_BASE = ColumnarConfig(
    in_channels=3,
    out_channels=3,
    scale=4,
    width=180,
    layers=(6,) * 6,
    heads=6,
    local_window=16,
    dispersed_window=16,
    # Free: no count sees it. It bounds the distance, so that cost stays linear in the image.
    region=64,
)

# All layers work at the small size, a sixteenth (x4) to a quarter (x2) of the pixels that come out,
# and the tail is one convolution: a megapixel is seconds on two CPU cores.
_COMPACT_COLUMNAR = replace(
    _BASE,
    width=64,
    layers=(4, 4),
    heads=4,
    local_window=8,
    dispersed_window=8,
    region=32,
    upsampler=Upsampler.DIRECT,
)

# 1.4 M parameters at x4, the class of SwinIR's light model.
_LIGHT_COLUMNAR = replace(_COMPACT_COLUMNAR, layers=(6,) * 4, heads=2)

# Table 17 prints 8 stages of 8, which makes 25.39 M at x2; 10 of 10 make the 39.07 M of Table 8.
_LARGE = replace(_BASE, layers=(10,) * 10)


class UnknownPresetError(HiirError):
    """No preset has this name; the message lists those that exist."""


def _presets() -> Iterator[tuple[str, ArchitectureConfig]]:
    for family, color in (
        ("ushape-compact", _COMPACT_USHAPE),
        ("ushape-compact-h", _COMPACT_H_USHAPE),
        ("ushape-compact-deep", _DEEP_USHAPE),
        ("ushape-lean32", _LEAN32_USHAPE),
        ("ushape-lean48", _LEAN48_USHAPE),
        ("ushape-mid48", _MID48_USHAPE),
        ("ushape-mid64", _MID64_USHAPE),
        ("ushape", _USHAPE),
    ):
        gray = replace(color, in_channels=1, out_channels=1)
        yield f"{family}-color", color
        yield f"{family}-gray", gray
        yield f"{family}-dual-pixel", replace(color, in_channels=6)
        # With a plane that holds the noise level, as FFDNet and DRUNet have it.
        yield f"{family}-color-level", replace(color, in_channels=4, condition_channels=1)
        yield f"{family}-gray-level", replace(gray, in_channels=2, condition_channels=1)
    # At x2 there are four times the tokens of x4.
    narrow = replace(_COMPACT_COLUMNAR, width=48, heads=3)
    for scale in (2, 3, 4):
        compact = narrow if scale == 2 else _COMPACT_COLUMNAR
        yield f"columnar-compact-x{scale}", replace(compact, scale=scale)
        yield f"columnar-light-x{scale}", replace(_LIGHT_COLUMNAR, scale=scale)
        yield f"columnar-base-x{scale}", replace(_BASE, scale=scale)
        yield f"columnar-large-x{scale}", replace(_LARGE, scale=scale)
    yield from _ablations()


def _ablations() -> Iterator[tuple[str, ArchitectureConfig]]:
    """Tables 4, 7 and 18: variants of the layer, and of the convolution at the end of a stage."""
    conv1 = replace(_BASE, stage_convolution=StageConvolutionKind.CONV1)
    for version in LayerVersion:
        for scale in (2, 3, 4) if version is LayerVersion.V3 else (2, 4):
            layer = replace(conv1, version=version, scale=scale)
            yield f"columnar-{version}-x{scale}", layer
            if version is not LayerVersion.V4 and scale != 3:
                yield f"columnar-{version}-without-l3-x{scale}", replace(layer, with_l3=False)
    for kind in StageConvolutionKind:
        for scale in (2, 3, 4):
            config = replace(_BASE, layers=(12,) * 12, stage_convolution=kind, scale=scale)
            yield f"columnar-12x12-{kind}-x{scale}", config


def _register(
    presets: Iterator[tuple[str, ArchitectureConfig]],
) -> Mapping[str, ArchitectureConfig]:
    registry: dict[str, ArchitectureConfig] = {}
    for name, config in presets:
        if name in registry:
            raise ValueError(f"two presets are named {name}")
        registry[name] = config
    return MappingProxyType(registry)


PRESETS = _register(_presets())


def get_preset(name: str, changes: Mapping[str, Any] | None = None) -> ArchitectureConfig:
    """Return the configuration of a preset, with changes if any are given.

    Raises:
        UnknownPresetError: for an unknown name.
        ArchitectureError: for an unknown key, or a value that contradicts the others.
    """
    try:
        config = PRESETS[name]
    except KeyError:
        known = ", ".join(sorted(PRESETS))
        raise UnknownPresetError(f"unknown preset {name!r}; the presets are {known}") from None
    return config.changed(changes or {})


def build_model(name: str, changes: Mapping[str, Any] | None = None) -> RestorationModel:
    """Build a preset with random weights; raises what `get_preset` raises."""
    return get_preset(name, changes).build()
