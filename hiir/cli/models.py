"""The command `hiir models`: list shipped models and architectures.

Commands import their modules when they run, because `--help` must not wait for torch.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from hiir.cli.command import Commands, add_command

__all__ = ["add_model_commands"]


def add_model_commands(commands: "Commands") -> None:
    """Add `models` to the parser of `hiir`."""
    models = add_command(
        commands,
        "models",
        run=_models,
        summary="list shipped models and presets",
        description="List the shipped models, or show the figures of one; and list presets "
        "(architectures) with their parameters, multiply-accumulates and receptive field.",
        example="hiir models\nhiir models denoise-color\nhiir models --presets\n"
        "hiir models ushape-color columnar-base-x4\nhiir models --counts\n"
        "hiir models columnar-base-x4 --complexity 128",
    )
    models.add_argument(
        "name", nargs="*", help="shipped models and presets to show (default: all shipped models)"
    )
    models.add_argument(
        "--presets", action="store_true", help="list all presets, which are measured first"
    )
    models.add_argument(
        "--counts",
        action="store_true",
        help="compare parameters and multiply-accumulates with those that the paper prints; exits "
        "with 1 if any differ",
    )
    models.add_argument(
        "--complexity",
        type=int,
        nargs="?",
        const=128,
        metavar="SIDE",
        help="compare a layer's attention with global and window attention on SIDE x SIDE tokens, "
        "as the paper's Table 19 does (default of SIDE: 128; of the preset: columnar-base-x4)",
    )
    models.add_argument(
        "--card", action="store_true", help="write the facts of shipped models into their cards"
    )
    models.add_argument(
        "--cards",
        type=Path,
        default=Path("docs/models"),
        metavar="DIR",
        help="folder of the model cards",
    )
    models.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _models(options: argparse.Namespace) -> int:
    from hiir.models.zoo import list_releases

    if options.presets or options.counts or options.complexity or options.card:
        return _presets(options)
    shipped = set(options.name or list_releases()) & set(list_releases())
    if shipped:
        _show_shipped(sorted(shipped), in_full=bool(options.name), as_json=options.json)
    options.name = [name for name in options.name if name not in shipped]
    return _presets(options) if options.name else 0


def _show_shipped(names: Sequence[str], *, in_full: bool, as_json: bool) -> None:
    from hiir.models.zoo import read_contract, zoo_path

    contracts = [read_contract(zoo_path(name)) for name in names]
    if as_json:
        print(json.dumps([asdict(contract) for contract in contracts]))
        return
    print(f"{'model':20}{'preset':28}{'scale':>5}{'channels':>10}{'CPU s/megapixel':>17}")
    for contract in contracts:
        channels = f"{contract.input_channels} -> {contract.output_channels}"
        seconds = contract.quality.get("cpu-seconds-per-megapixel", "")
        print(
            f"{contract.name:20}{contract.architecture:28}{contract.scale:5}{channels:>10}"
            f"{seconds:17}"
        )
        if in_full:
            for title, facts in (("", contract.quality), ("from: ", contract.provenance)):
                print("\n".join(f"  {title}{key} {value}" for key, value in facts.items()))


def _presets(options: argparse.Namespace) -> int:
    from hiir.models.complexity_table import compare_attention, complexity_table
    from hiir.models.preset_table import comparison_table, describe, preset_table
    from hiir.models.presets import PRESETS
    from hiir.models.published_counts import CONTRADICTIONS, PUBLISHED, compare

    if options.card:
        from hiir.evaluation.model_card import update_card
        from hiir.models.release import list_releases

        for name in options.name or list_releases():
            print(update_card(name, options.cards))
        return 0
    if options.counts:
        comparisons = [compare(row) for row in PUBLISHED]
        if options.json:
            print(json.dumps([comparison.to_json() for comparison in comparisons]))
        else:
            print(comparison_table(comparisons), *CONTRADICTIONS, sep="\n")
        return 0 if all(comparison.match for comparison in comparisons) else 1
    if options.complexity:
        names = options.name or ["columnar-base-x4"]
        if options.json:
            rows = {n: compare_attention(n, side=options.complexity) for n in names}
            print(json.dumps({n: [row.to_json() for row in found] for n, found in rows.items()}))
        else:
            tables = [complexity_table(name, side=options.complexity) for name in names]
            print("\n\n".join(tables))
        return 0
    cards = [describe(name) for name in options.name or PRESETS]
    print(json.dumps([card.to_json() for card in cards]) if options.json else preset_table(cards))
    return 0
