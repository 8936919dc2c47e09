"""The command line `hiir`: train, release, evaluate, export, list, and run the service.

Commands import what they need when they run: `hiir up` and `--help` must not wait for torch.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hiir.evaluation.engines import Restorer

__all__ = ["main"]

_ENGINES = ("torch", "onnx", "service")
_REPOSITORY = Path("model_repository")
_SAMPLE = Path(__file__).parents[1] / "samples" / "astronaut.png"
_SERVICE_URL = "http://127.0.0.1:8000"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["up"]:
        return _up(given)
    options = _parser().parse_args(given)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except (ValueError, FileNotFoundError) as error:
        # The library's own errors say what is wrong and what is known; a traceback adds nothing.
        print(f"hiir: {error}", file=sys.stderr)
        return 1


def _up(arguments: list[str]) -> int:
    """Become the embedded stack: the library does not import the service, it only starts it."""
    os.execv(sys.executable, [sys.executable, "-m", "service.embedded", *arguments])  # noqa: S606


def _train(options: argparse.Namespace) -> int:
    from hiir.training.config import load_config
    from hiir.training.loop import train
    from hiir.training.run_folder import RunFolder

    config = load_config(options.config, overrides=tuple(options.set))
    train(config, RunFolder(options.run_dir or Path("runs") / config.name))
    return 0


def _release(options: argparse.Namespace) -> int:
    from hiir.models.release import zoo_path
    from hiir.training.release import release_run
    from hiir.training.run_folder import RunFolder

    run = RunFolder(options.run_dir)
    contract = release_run(run, zoo_path(run.config().name), test_sets=options.test_set)
    print(json.dumps(dict(contract.quality), indent=2))
    return 0


def _eval(options: argparse.Namespace) -> int:
    from hiir.evaluation.benchmark import Noise, evaluate
    from hiir.evaluation.report import to_markdown

    noise = Noise(sigma=options.sigma, seed=options.seed, clip=options.clip)
    evaluation = evaluate(_restorer(options), options.set, noise)
    if options.json:
        about = {"model": options.model, "engine": options.engine, "set": options.set.name}
        degradation = {"sigma": noise.sigma, "seed": noise.seed, "clip": noise.clip}
        print(json.dumps({**about, **degradation, **evaluation.to_json()}))
    else:
        print(to_markdown(evaluation))
    return 0


def _restorer(options: argparse.Namespace) -> "Restorer":
    from hiir.evaluation import engines
    from hiir.models.release import load_release

    if options.model == "input":
        return engines.InputRestorer()
    if options.engine == "service":
        return engines.ServiceRestorer(url=options.url, task=options.model)
    release = load_release(options.model)
    graph = options.repository / options.model / "1" / "model.onnx"
    return engines.TiledRestorer(
        contract=release.contract,
        engine=engines.TorchTiles(release)
        if options.engine == "torch"
        else engines.OnnxTiles(graph),
    )


def _degrade(options: argparse.Namespace) -> int:
    import numpy as np

    from hiir.datasets.photo import Colour, read_photo
    from hiir.degradations.recipe import read_recipe
    from hiir.degradations.sheet import contact_sheet
    from hiir.imaging import to_unit

    if options.sheet is not None:
        photo = to_unit(np.ascontiguousarray(read_photo(options.image, Colour.RGB)))
        contact_sheet(photo, seed=options.seed, only=tuple(options.only)).save(options.sheet)
        print(options.sheet)
        return 0
    if not (options.recipe and options.set and options.output):
        raise ValueError("give --sheet OUT.png, or --recipe RECIPE --set DIR --output DIR")
    from hiir.datasets.pairs import write_pairs

    count = write_pairs(options.set, read_recipe(options.recipe), options.output, seed=options.seed)
    print(f"{count} pairs in {options.output}")
    return 0


def _export(options: argparse.Namespace) -> int:
    from hiir.export.triton import export_release
    from hiir.models.release import list_releases, load_release

    for name in options.model or list_releases():
        written = export_release(
            load_release(name), options.repository, instances=options.instances
        )
        print(f"{name}: {'exported' if written else 'up to date'}")
    return 0


def _models(options: argparse.Namespace) -> int:
    from hiir.models.card import comparison_table, describe, preset_table
    from hiir.models.presets import PRESETS
    from hiir.models.published import CONTRADICTIONS, PUBLISHED, compare

    if options.counts:
        comparisons = [compare(row) for row in PUBLISHED]
        if options.json:
            print(json.dumps([comparison.to_json() for comparison in comparisons]))
        else:
            print(comparison_table(comparisons), *CONTRADICTIONS, sep="\n")
        return 0 if all(comparison.match for comparison in comparisons) else 1
    cards = [describe(name) for name in options.preset or PRESETS]
    print(json.dumps([card.to_json() for card in cards]) if options.json else preset_table(cards))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hiir", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train a model, or go on with an interrupted run")
    train.add_argument("config", help="name of a shipped configuration, or a YAML file")
    train.add_argument("--run-dir", type=Path, help="folder of the run (default: runs/NAME)")
    train.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    train.set_defaults(run=_train)

    release = commands.add_parser("release", help="ship the weights of a run in hiir/zoo, measured")
    release.add_argument("run_dir", type=Path, help="folder of the run")
    release.add_argument("--test-set", type=Path, action="append", default=[], metavar="DIR")
    release.set_defaults(run=_release)

    evaluate = commands.add_parser("eval", help="measure a model on a folder of clean images")
    evaluate.add_argument("--model", required=True, help="a shipped model, or `input` for none")
    evaluate.add_argument("--set", type=Path, required=True, metavar="DIR")
    evaluate.add_argument("--sigma", type=float, required=True, help="noise level, 0 to 255")
    evaluate.add_argument("--seed", type=int, default=0, help="of the noise")
    evaluate.add_argument("--clip", action="store_true", help="round and clip noise as files do")
    evaluate.add_argument("--engine", choices=_ENGINES, default="torch")
    evaluate.add_argument("--repository", type=Path, default=_REPOSITORY)
    evaluate.add_argument("--url", default=_SERVICE_URL, help="of the running service")
    evaluate.add_argument("--json", action="store_true")
    evaluate.set_defaults(run=_eval)

    degrade = commands.add_parser("degrade", help="show degradations, or write degraded pairs")
    degrade.add_argument("--sheet", type=Path, metavar="OUT.png", help="each at three strengths")
    degrade.add_argument("--image", type=Path, default=_SAMPLE, help="photo of the sheet")
    degrade.add_argument("--only", nargs="*", default=[], metavar="NAME", help="rows of the sheet")
    degrade.add_argument("--recipe", help="YAML, a YAML file, or the name of a configuration")
    degrade.add_argument("--set", type=Path, metavar="DIR", help="clean images")
    degrade.add_argument("--output", type=Path, metavar="DIR", help="for the pairs")
    degrade.add_argument("--seed", type=int, default=0, help="of all chance")
    degrade.set_defaults(run=_degrade)

    export = commands.add_parser("export", help="write model_repository/ from the shipped weights")
    export.add_argument("model", nargs="*", help="all shipped models unless named")
    export.add_argument("--repository", type=Path, default=_REPOSITORY)
    export.add_argument("--instances", type=int, default=2, help="of each model, one CPU core each")
    export.set_defaults(run=_export)

    models = commands.add_parser("models", help="list presets and shipped models")
    models.add_argument("preset", nargs="*", help="all presets unless named")
    models.add_argument("--counts", action="store_true", help="hold them against the paper's")
    models.add_argument("--json", action="store_true")
    models.set_defaults(run=_models)

    commands.add_parser("up", help="start the whole service on this machine", add_help=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
