"""The counts that the paper prints, and those of our modules.

Provenance: Hi-IR, Tables 4, 6, 7, 8, 9 and 18.
"""

from dataclasses import dataclass

from hiir.models.flops import Cost, measure_cost
from hiir.models.presets import get_preset

__all__ = ["CONTRADICTIONS", "PUBLISHED", "Comparison", "Published", "compare"]

CONTRADICTIONS = (
    (
        "Large: Table 17 prints 8 stages of 8 layers, which make 25.39 M parameters at x2; 10 "
        "stages of 10 make the 39.07 M of Table 8, and are what is built."
    ),
    (
        "v4: Table 7 prints 17.19 M at x2 and 17.35 M at x4; the tails differ by 0.148 M, so that "
        "equal layers cannot meet both. Ours make 17.19 M and 17.34 M (columnar-v4-x2, "
        "columnar-v4-x4); the paper does not describe the flow beyond L2."
    ),
    (
        "U-shape: 22.33 M and 153.66 GMACs do not fix its widths and windows; ours make 22.33 M "
        "and 154.31 GMACs."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One count that the paper prints."""

    preset: str
    variant: str
    params_m: float
    """Parameters in millions, to two decimals."""
    gmacs: float | None = None
    """Multiply-accumulates in units of 10^9 at ``side x side`` input pixels, if printed."""
    side: int = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A published count beside the one of our modules."""

    published: Published
    cost: Cost

    @property
    def params_m(self) -> float:
        """Our parameters in millions, rounded as in the paper."""
        return round(self.cost.parameters / 1e6, 2)

    @property
    def match(self) -> bool:
        """Whether all printed digits of the parameters match."""
        return f"{self.params_m:.2f}" == f"{self.published.params_m:.2f}"

    def to_json(self) -> dict[str, object]:
        """Return a JSON object; it has MACs only if the paper prints them."""
        row = self.published
        return {
            "name": row.preset,
            "scale": get_preset(row.preset).upscale,
            "variant": row.variant,
            "params_m": self.params_m,
            "published_m": row.params_m,
            "match": self.match,
            "gmacs": None if row.gmacs is None else round(self.cost.macs / 1e9, 2),
            "published_gmacs": row.gmacs,
        }


def compare(row: Published) -> Comparison:
    """Count the parameters and multiply-accumulates of a row's preset."""
    cost = measure_cost(get_preset(row.preset), height=row.side, width=row.side)
    return Comparison(published=row, cost=cost)


def _columnar(preset: str, variant: str, **counts: float) -> tuple[Published, ...]:
    return tuple(
        Published(preset=f"columnar-{preset}-{scale}", variant=variant, params_m=params_m)
        for scale, params_m in counts.items()
    )


PUBLISHED: tuple[Published, ...] = (
    *_columnar("v1", "v1 with L3, conv1", x2=14.35, x4=14.50),
    *_columnar("v1-without-l3", "v1 without L3, conv1", x2=11.87, x4=12.02),
    *_columnar("v2", "v2 with L3, conv1", x2=19.22, x4=19.37),
    *_columnar("v2-without-l3", "v2 without L3, conv1", x2=16.74, x4=16.89),
    *_columnar("v3", "v3 with L3, conv1", x2=15.69, x3=15.87, x4=15.84),
    *_columnar("v3-without-l3", "v3 without L3, conv1", x2=13.21, x4=13.36),
    *_columnar("base", "Base (v3, conv3)", x2=14.68, x3=14.87),
    Published(preset="columnar-base-x4", variant="Base (v3, conv3)", params_m=14.83, gmacs=287.20),
    *_columnar("12x12-conv1", "12x12, conv1", x2=57.60, x3=57.78, x4=57.74),
    *_columnar("12x12-linear", "12x12, linear", x2=54.23, x3=54.41, x4=54.37),
    *_columnar("12x12-conv3", "12x12, conv3", x2=55.73, x3=55.91, x4=55.88),
    *_columnar("large", "Large (10x10, conv3)", x2=39.07, x3=39.26, x4=39.22),
    Published(
        preset="ushape-color", variant="U-shape, color", params_m=22.33, gmacs=153.66, side=256
    ),
    Published(preset="ushape-gray", variant="U-shape, gray", params_m=22.33, side=256),
)
