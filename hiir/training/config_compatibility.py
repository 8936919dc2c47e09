"""Former names of options: old configurations and run folders still load."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["with_current_names", "with_original_names"]

_RENAMED = MappingProxyType(
    {
        "colour": "color",
        "drawn_share": "synthetic_share",
        "feed": "loader",
        "licence": "license",
        "parts": "shards",
        "restlessness": "jitter",
        "ring": "buffer",
        "tail": "upsampler",
        "with_level": "noise_level_map",
    }
)
_ORIGINAL = MappingProxyType({new: old for old, new in _RENAMED.items()})


def with_current_names(values: Any) -> Any:
    """Return a parsed YAML value with every former key, at any depth, under its current name."""
    return _renamed(values, _RENAMED)


def with_original_names(values: Any) -> Any:
    """The inverse; the identity of a run uses it, so that a new name does not change it."""
    return _renamed(values, _ORIGINAL)


def _renamed(values: Any, names: Mapping[str, str]) -> Any:
    match values:
        case dict():
            return {names.get(key, key): _renamed(value, names) for key, value in values.items()}
        case list():
            return [_renamed(value, names) for value in values]
    return values
