"""The figures of presets, as `hiir models` prints them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hiir.models.architecture import ArchitectureConfig
from hiir.models.flops import Cost, measure_cost
from hiir.models.presets import get_preset
from hiir.models.published_counts import Comparison
from hiir.models.receptive_field import receptive_field
from hiir.models.release import list_releases, load_release

__all__ = ["PresetCard", "comparison_table", "describe", "preset_table"]

# The paper's sizes of an image, for its counts of operations.
_SIDE_SMALL, _SIDE = 128, 256
_CONVENTION = (
    "GMACs: 10^9 multiply-accumulates of linear layers, convolutions and attention products, "
    "averages at one per value (fvcore's convention)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetCard:
    """Cost, receptive field and contract of a preset, and the shipped models that use it."""

    name: str
    config: ArchitectureConfig
    cost: Cost
    side: int
    """Side of the square input, in pixels, for which the cost is measured."""
    receptive_field: int
    released: Mapping[str, Mapping[str, float]]
    """Measured quality of the shipped models, by name."""

    def to_json(self) -> dict[str, object]:
        """One JSON object."""
        config = self.config
        return {
            "preset": self.name,
            "parameters": self.cost.parameters,
            "gmacs": round(self.cost.macs / 1e9, 3),
            "gmacs_input": f"{self.side}x{self.side}",
            "receptive_field": self.receptive_field,
            "contract": {
                "scale": config.upscale,
                "input_channels": config.in_channels,
                "output_channels": config.out_channels,
                "size_multiple": config.size_multiple,
                "layout": "NCHW",
                "dtype": "float32",
                "range": [0, 1],
            },
            "released": {name: dict(quality) for name, quality in self.released.items()},
        }


def describe(name: str) -> PresetCard:
    """Measure a preset; raises `UnknownPresetError`."""
    config = get_preset(name)
    side = _SIDE if config.upscale == 1 else _SIDE_SMALL
    contracts = [load_release(release).contract for release in list_releases()]
    return PresetCard(
        name=name,
        config=config,
        cost=measure_cost(config, height=side, width=side),
        side=side,
        receptive_field=receptive_field(config),
        released={c.name: c.quality for c in contracts if c.architecture == name},
    )


def preset_table(cards: Iterable[PresetCard]) -> str:
    """Return a text table of presets, each followed by the shipped models that use it."""
    lines = [f"{'preset':32}{'M params':>10}{'GMACs':>10} at    {'sees':>7}  contract"]
    for card in cards:
        config = card.config
        lines.append(
            f"{card.name:32}{card.cost.parameters / 1e6:10.3f}{card.cost.macs / 1e9:10.2f} "
            f"{f'{card.side}^2':6}{card.receptive_field:7}  "
            f"{config.in_channels} -> {config.out_channels} channels, x{config.upscale}, "
            f"sides in multiples of {config.size_multiple}"
        )
        for name, quality in card.released.items():
            figures = ", ".join(f"{key} {value}" for key, value in quality.items())
            lines.append(f"  shipped as {name}: {figures or 'not measured'}")
    lines.append("")
    lines.append(_CONVENTION)
    lines.append(
        "sees: side in pixels of the input that one output pixel can depend on, beside the mean "
        "of the whole plane"
    )
    return "\n".join(lines)


def comparison_table(comparisons: Iterable[Comparison]) -> str:
    """Return a text table of published counts, one per line."""
    lines = [f"{'preset':30}{'variant':26}{'M params':>9}{'paper':>8}   {'GMACs':>8}{'paper':>8}"]
    for comparison in comparisons:
        row = comparison.published
        macs = (
            ""
            if row.gmacs is None
            else f"{comparison.cost.macs / 1e9:8.2f}{row.gmacs:8.2f} at {row.side}x{row.side}"
        )
        verdict = " = " if comparison.match else " ! "
        lines.append(
            f"{row.preset:30}{row.variant:26}{comparison.params_m:9.2f}{verdict}"
            f"{row.params_m:5.2f}   {macs}"
        )
    return "\n".join([*lines, "", _CONVENTION])
