"""Every model that can be built, by name: one explicit list."""

from collections.abc import Mapping
from types import MappingProxyType

from hiir.models.ushape import UShape, UShapeConfig

__all__ = ["PRESETS", "UnknownPresetError", "build_model", "get_preset"]

_COMPACT = UShapeConfig(
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

PRESETS: Mapping[str, UShapeConfig] = MappingProxyType({"ushape-compact-color": _COMPACT})


class UnknownPresetError(ValueError):
    """No preset has this name; the message lists those that exist."""


def get_preset(name: str) -> UShapeConfig:
    """Return the configuration of a preset; raises `UnknownPresetError`."""
    try:
        return PRESETS[name]
    except KeyError:
        known = ", ".join(sorted(PRESETS))
        raise UnknownPresetError(f"unknown preset {name!r}; the presets are {known}") from None


def build_model(name: str) -> UShape:
    """Build a preset with fresh weights; raises `UnknownPresetError`."""
    return UShape(get_preset(name))
