"""The command `hiir degrade`: view degradations, or write degraded pairs.

Commands import their modules when they run, because `--help` must not wait for torch.
"""

import argparse
from pathlib import Path

from hiir.cli.command import Commands, add_command
from hiir.cli.recipe import recipe_from

__all__ = ["add_degradation_commands"]

_SAMPLE = Path(__file__).parents[2] / "samples" / "astronaut.png"


def add_degradation_commands(commands: "Commands") -> None:
    """Add `degrade` to the parser of `hiir`."""
    degrade = add_command(
        commands,
        "degrade",
        run=_degrade,
        summary="draw a contact sheet of degradations, or write degraded pairs",
        description="Draw a contact sheet of all degradations (--sheet), or degrade a folder of "
        "clean images by a recipe (--recipe, --set, --output).",
        example="hiir degrade --sheet sheet.png --only rain snow\n"
        "hiir degrade --recipe '[{kind: noise, sigma: 25}]' --set photos --output pairs",
    )
    degrade.add_argument(
        "--sheet", type=Path, metavar="OUT.png", help="draw each degradation at three strengths"
    )
    degrade.add_argument(
        "--image",
        type=Path,
        metavar="FILE",
        help="photo that the sheet shows (default: samples/astronaut.png of the project)",
    )
    degrade.add_argument(
        "--only",
        nargs="*",
        default=[],
        metavar="NAME",
        help="draw these degradations only (default: all)",
    )
    degrade.add_argument(
        "--recipe", help="YAML, a YAML file, or CONFIG:LABEL of a shipped configuration"
    )
    degrade.add_argument("--set", type=Path, metavar="DIR", help="folder of the clean images")
    degrade.add_argument("--output", type=Path, metavar="DIR", help="folder to write the pairs to")
    degrade.add_argument("--seed", type=int, default=0, help="random seed")


def _degrade(options: argparse.Namespace) -> int:
    import numpy as np

    from hiir.datasets.pair_files import write_pairs
    from hiir.datasets.photo_files import ColorMode, read_photo
    from hiir.degradations.contact_sheet import contact_sheet
    from hiir.evaluation.evaluation_request import RequestError
    from hiir.imaging import to_unit

    if options.sheet is not None:
        photo = to_unit(np.ascontiguousarray(read_photo(options.image or _SAMPLE, ColorMode.RGB)))
        contact_sheet(photo, seed=options.seed, only=tuple(options.only)).save(options.sheet)
        print(options.sheet)
        return 0
    if not (options.recipe and options.set and options.output):
        raise RequestError("give --sheet OUT.png, or --recipe RECIPE --set DIR --output DIR")

    count = write_pairs(options.set, recipe_from(options.recipe), options.output, seed=options.seed)
    print(f"{count} pairs in {options.output}")
    return 0
