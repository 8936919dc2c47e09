"""Table 19 of the paper: the cost of a preset's layer and of other kinds of attention."""

from dataclasses import dataclass

from hiir.layers.complexity import (
    Complexity,
    global_attention,
    hierarchical_attention,
    window_attention,
)
from hiir.layers.layer_config import LayerConfig
from hiir.models.columnar import ColumnarConfig
from hiir.models.presets import get_preset
from hiir.models.ushape import UShapeConfig

__all__ = ["ComplexityRow", "compare_attention", "complexity_table"]

_SYMBOLS = (
    "H x W tokens of C channels, h heads, windows of p x p and regions of P x P tokens, a "
    "feed-forward network of ratio 2; time in multiply-accumulates, space in values that must be "
    "in memory at once, field in tokens along a side after two layers (Hi-IR, Appendix C)"
)
_FORMULAS = {
    "global": ("8 HWC^2 + 2 (HW)^2 C", "4 HWC + h (HW)^2", "max(H, W)"),
    "window": ("8 HWC^2 + 2 p^2 HWC", "4 HWC + h p^2 HW", "2p"),
    "Hi-IR": ("9 HWC^2 + 3 p^2 HWC + 18 HWC", "3 HWC + h p^2 HW", "4P"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplexityRow:
    """One kind of attention on a plane of tokens."""

    attention: str
    """``global``, ``window`` or ``Hi-IR``, with the window in tokens."""
    cost: Complexity

    @property
    def formulas(self) -> tuple[str, str, str]:
        """The formulas of time, space and receptive field."""
        return _FORMULAS[self.attention.partition(" ")[0]]

    def to_json(self) -> dict[str, object]:
        """One JSON object."""
        time, space, field = self.formulas
        return {
            "attention": self.attention,
            "time": self.cost.time,
            "space": self.cost.space,
            "receptive_field": self.cost.receptive_field,
            "formulas": {"time": time, "space": space, "receptive_field": field},
        }


def compare_attention(preset: str, *, side: int) -> tuple[ComplexityRow, ...]:
    """Return the rows of Table 19 for a preset's finest layers on ``side x side`` tokens.

    Shifted windows have two rows: with the preset's window, and with one of the same receptive
    field as the preset.

    Raises:
        UnknownPresetError: if the name is unknown.
    """
    layer = _finest_layer(preset)
    plane = {"height": side, "width": side, "channels": layer.channels, "heads": layer.heads}
    near, far, region = layer.local_window, 2 * layer.region, layer.region
    costs = {
        "global": global_attention(**plane),
        f"window {near}x{near}": window_attention(**plane, window=near),
        f"window {far}x{far}": window_attention(**plane, window=far),
        f"Hi-IR {near}x{near} in {region}x{region}": hierarchical_attention(
            **plane, window=near, region=region
        ),
    }
    return tuple(ComplexityRow(attention=name, cost=cost) for name, cost in costs.items())


def complexity_table(preset: str, *, side: int) -> str:
    """Return the comparison as a text table, one row per line."""
    layer = _finest_layer(preset)
    plane = f"{side}x{side} tokens of {layer.channels} channels, {layer.heads} heads"
    lines = [
        f"One layer of {preset}: {plane}",
        f"{'attention':24}{'GMACs':>10}{'M values':>10}{'field':>7}  time | space | field",
    ]
    for row in compare_attention(preset, side=side):
        cost = row.cost
        lines.append(
            f"{row.attention:24}{cost.time / 1e9:10.2f}{cost.space / 1e6:10.1f}"
            f"{cost.receptive_field:7}  {' | '.join(row.formulas)}"
        )
    return "\n".join([*lines, "", _SYMBOLS])


def _finest_layer(preset: str) -> LayerConfig:
    match get_preset(preset):
        case ColumnarConfig() as config:
            return config.layer()
        case UShapeConfig() as config:
            return config.layer(0)
    raise TypeError(f"no layer is known of {preset}")
