"""Parameters that were named differently before: older weights files and checkpoints still load."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor

__all__ = ["current_parameter_name", "with_current_parameter_names"]

# The present names are those of SwinIR, whose macro-architecture the columnar network has.
_PREFIXES = MappingProxyType(
    {
        "embed.": "conv_first.",
        "close.": "conv_after_body.",
        "output.": "conv_last.",
        "tail.narrow.": "upsampler.conv_before.",
        "tail.enlarge.": "upsampler.upsample.",
        "tail.output.": "upsampler.conv_last.",
    }
)
_PREFIX = re.compile("|".join(map(re.escape, _PREFIXES)))


def current_parameter_name(name: str) -> str:
    """The present name of a parameter; one that is current already stays."""
    found = _PREFIX.match(name)
    return name if found is None else _PREFIXES[found[0]] + name[found.end() :]


def with_current_parameter_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under the names that the networks have now."""
    return {current_parameter_name(name): tensor for name, tensor in weights.items()}
