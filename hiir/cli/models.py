"""The command `hiir models`: list architectures and shipped models.

Commands import what they need when they run: `--help` must not wait for torch.
"""

import argparse
import json
from pathlib import Path

from hiir.cli.command import Commands, add_command

__all__ = ["add_model_commands"]


def add_model_commands(commands: "Commands") -> None:
    """Add `models` to the parser of `hiir`."""
    models = add_command(
        commands,
        "models",
        run=_models,
        summary="list presets and shipped models",
        description="List presets (architectures) with their parameters, multiply-accumulates and "
        "receptive field, and the models that are shipped for each.",
        example="hiir models ushape-color columnar-base-x4\nhiir models --counts\n"
        "hiir models columnar-base-x4 --complexity 128",
    )
    models.add_argument("preset", nargs="*", help="presets to list (default: all)")
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
    from hiir.models.complexity_table import compare_attention, complexity_table
    from hiir.models.preset_table import comparison_table, describe, preset_table
    from hiir.models.presets import PRESETS
    from hiir.models.published_counts import CONTRADICTIONS, PUBLISHED, compare

    if options.card:
        from hiir.evaluation.model_card import update_card
        from hiir.models.release import list_releases

        for name in options.preset or list_releases():
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
        names = options.preset or ["columnar-base-x4"]
        if options.json:
            rows = {n: compare_attention(n, side=options.complexity) for n in names}
            print(json.dumps({n: [row.to_json() for row in found] for n, found in rows.items()}))
        else:
            tables = [complexity_table(name, side=options.complexity) for name in names]
            print("\n\n".join(tables))
        return 0
    cards = [describe(name) for name in options.preset or PRESETS]
    print(json.dumps([card.to_json() for card in cards]) if options.json else preset_table(cards))
    return 0
