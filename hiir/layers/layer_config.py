"""The configuration of a Hi-IR layer: version, sizes, and their constraints."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import lcm

from hiir.errors import HiirError
from hiir.layers.similarity import Similarity

__all__ = ["ArchitectureError", "LayerConfig", "LayerVersion", "check_rules"]


class ArchitectureError(HiirError):
    """A network cannot be built from its configuration; the message names value and rule."""


class LayerVersion(StrEnum):
    """How the information flows L1 and L2 share the layers (Hi-IR, section 5.1 and Figure 5)."""

    V1 = "v1"
    """One attention of full width per layer; L1 and L2 alternate."""
    V2 = "v2"
    """Both in every layer at full width, each with its own projection and residual."""
    V3 = "v3"
    """Both in every layer, in sequence inside one residual, queries and keys at half width."""
    V4 = "v4"
    """v3 and one more flow beyond L2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerConfig:
    """The configuration of a layer. Raises `ArchitectureError` if sizes do not divide."""

    channels: int
    heads: int
    local_window: int
    """Tokens on a side of an L1 window."""
    dispersed_window: int
    """Tokens on a side of an L2 window."""
    region: int
    """Tokens on a side of the area that an L2 window spans (the paper's P)."""
    version: LayerVersion = LayerVersion.V3
    similarity: Similarity = Similarity.DOT
    with_l3: bool = True
    """L3, or the plain MLP of the paper's ablation."""

    def __post_init__(self) -> None:
        check_rules(
            (
                (name, getattr(self, name), 1)
                for name in ("channels", "heads", "local_window", "dispersed_window", "region")
            ),
            (
                ("channels", self.channels, "heads", self.heads),
                ("width of q and k", self.qk_channels, "heads", self.heads),
                ("region", self.region, "dispersed_window", self.dispersed_window),
            ),
        )

    @property
    def qk_channels(self) -> int:
        """Width of the queries and of the keys: half of the channels from v3 on."""
        whole = self.version in {LayerVersion.V1, LayerVersion.V2}
        return self.channels if whole else self.channels // 2

    @property
    def size_multiple(self) -> int:
        """Sides of the plane, in tokens, are multiples of this."""
        return lcm(self.local_window, self.region, self.beyond)

    @property
    def beyond(self) -> int:
        """Tokens along a strip of the flow beyond L2 (v4): twice the region; else 1."""
        return 2 * self.region if self.version is LayerVersion.V4 else 1


def check_rules(
    minima: Iterable[tuple[str, int, int]], multiples: Iterable[tuple[str, int, str, int]]
) -> None:
    """Check values against their rules.

    Args:
        minima: name, value and minimum.
        multiples: name and value of a multiple, name and value of its divisor.

    Raises:
        ArchitectureError: for the first rule that is violated.
    """
    for name, value, least in minima:
        if value < least:
            raise ArchitectureError(f"{name} {value} must be at least {least}")
    for name, value, divisor_name, divisor in multiples:
        if value % divisor:
            raise ArchitectureError(
                f"{name} {value} must be a multiple of {divisor_name} {divisor}"
            )
