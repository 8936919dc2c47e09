"""Former names of parameters: older weights files and checkpoints still load."""

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
    """Return the current name of a parameter; a current name is unchanged."""
    found = _PREFIX.match(name)
    return name if found is None else _PREFIXES[found[0]] + name[found.end() :]


def with_current_parameter_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the same tensors under the current names of the parameters."""
    return {current_parameter_name(name): tensor for name, tensor in weights.items()}
