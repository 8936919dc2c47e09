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
from typing import TYPE_CHECKING, TypeAlias

from hiir.training.cli import add_training_commands

if TYPE_CHECKING:
    from hiir.degradations.recipe import Recipe

    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001

__all__ = ["main"]

_ENGINES = ("torch", "onnx", "service")
_REPOSITORY = Path("model_repository")
_SAMPLE = Path(__file__).parents[1] / "samples" / "astronaut.png"
_SERVICE_URL = "http://127.0.0.1:8000"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["up"]:
        return _become("service.embedded", *given)
    if given[:1] == ["keys"]:
        return _become("service.keys", *given[1:])
    options = _parser().parse_args(given)
    options.given = given
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for every poll of a job
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except Exception as error:
        if not _is_ours(error):
            raise
        # It says what was wrong and what is known; a traceback would add nothing.
        print(f"hiir: {error}", file=sys.stderr)
        return 1


def _is_ours(error: Exception) -> bool:
    """Whether the library raised an error on purpose; any other is a defect."""
    from hiir.errors import HiirError
    from hiir.imaging import ImagingError

    return isinstance(error, HiirError | ImagingError)


def _become(module: str, *arguments: str) -> int:
    """Become a program of the service: the library does not import it, it only starts it."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606


def _eval(options: argparse.Namespace) -> int:
    if options.paper:
        return _paper(options)
    from hiir.evaluation.benchmark import evaluate
    from hiir.evaluation.lpips import Lpips
    from hiir.evaluation.report import draw_strip, to_markdown
    from hiir.evaluation.request import EvaluationRequest, RequestError

    if options.model is None:
        raise RequestError("give --model NAME, or --paper")
    request = EvaluationRequest(
        model=options.model,
        folder=options.set,
        sigma=options.sigma,
        quality=options.quality,
        scale=options.scale,
        recipe=None if options.degrade is None else _recipe(options.degrade),
        pairs=options.pairs,
        seed=options.seed,
        clip=options.clip,
        gray=options.gray,
        engine=options.engine,
        repository=options.repository,
        url=options.url,
    )
    lpips = Lpips.read(options.lpips) if options.lpips else None
    samples, convention = request.samples(), request.convention()
    restorer = request.restorer()
    evaluation = evaluate(restorer, samples, convention, lpips=lpips)
    baselines = {
        name: evaluate(request.restorer(name), samples, convention, lpips=lpips)
        for name in options.baseline
    }
    if options.strip is not None:
        draw_strip(evaluation, restorer, samples, convention).save(options.strip)
    if options.json:
        about = {"model": options.model, "engine": options.engine}
        beside = {"baselines": {name: other.to_json() for name, other in baselines.items()}}
        print(
            json.dumps(
                {
                    **about,
                    **samples.to_json(),
                    **convention.to_json(),
                    **evaluation.to_json(),
                    **(beside if baselines else {}),
                }
            )
        )
    else:
        print(to_markdown(evaluation, baselines))
    return 0


def _paper(options: argparse.Namespace) -> int:
    from hiir.evaluation.paper import compare

    rows = compare(options.set, seed=options.seed, only=options.model)
    if options.json:
        print(json.dumps(rows))
        return 0
    print("| set | setting | method | PSNR | SSIM |\n|---|---|---|---|---|")
    for row in rows:
        ssim = "" if row["ssim"] is None else f"{row['ssim']:.4f}"
        name = f"**{row['method']}**" if row["ours"] else row["method"]
        print(f"| {row['set']} | {row['setting']} | {name} | {row['psnr']:.2f} | {ssim} |")
    return 0


def _recipe(text: str) -> "Recipe":
    from hiir.degradations.recipe import read_recipe
    from hiir.training.config import named_recipe

    return named_recipe(text) or read_recipe(text)


def _degrade(options: argparse.Namespace) -> int:
    import numpy as np

    from hiir.datasets.pairs import write_pairs
    from hiir.datasets.photo import Colour, read_photo
    from hiir.degradations.sheet import contact_sheet
    from hiir.evaluation.request import RequestError
    from hiir.imaging import to_unit

    if options.sheet is not None:
        photo = to_unit(np.ascontiguousarray(read_photo(options.image, Colour.RGB)))
        contact_sheet(photo, seed=options.seed, only=tuple(options.only)).save(options.sheet)
        print(options.sheet)
        return 0
    if not (options.recipe and options.set and options.output):
        raise RequestError("give --sheet OUT.png, or --recipe RECIPE --set DIR --output DIR")

    count = write_pairs(options.set, _recipe(options.recipe), options.output, seed=options.seed)
    print(f"{count} pairs in {options.output}")
    return 0


def _export(options: argparse.Namespace) -> int:
    from hiir.export.artifacts import export_artifacts, untrained_release
    from hiir.export.triton import export_release
    from hiir.export.triton_config import Target
    from hiir.models.presets import PRESETS
    from hiir.models.release import list_releases, load_release

    shipped = list_releases()
    for name in options.model or [*shipped, *(PRESETS if options.presets else ())]:
        untrained = name in PRESETS and name not in shipped
        release = untrained_release(name) if untrained else load_release(name)
        if not untrained:
            written = export_release(
                release,
                options.repository,
                target=Target(options.target),
                instances=options.instances,
            )
            print(f"{name}: {'exported' if written else 'up to date'}")
        if untrained or options.all:
            for path, written in export_artifacts(release, options.artifacts / name):
                print(f"{path}: {'exported' if written else 'up to date'}")
    return 0


def _models(options: argparse.Namespace) -> int:
    from hiir.models.card import comparison_table, describe, preset_table
    from hiir.models.presets import PRESETS
    from hiir.models.published import CONTRADICTIONS, PUBLISHED, compare

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
    cards = [describe(name) for name in options.preset or PRESETS]
    print(json.dumps([card.to_json() for card in cards]) if options.json else preset_table(cards))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hiir", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    add_training_commands(commands)
    _add_evaluation(commands)
    _add_serving(commands)
    return parser


def _add_evaluation(commands: "Commands") -> None:
    evaluate = commands.add_parser("eval", help="measure a model or a baseline on a test set")
    evaluate.add_argument("--model", help="a shipped model, or input, bicubic, nlm, bm3d, malvar")
    evaluate.add_argument("--set", type=Path, required=True, metavar="DIR")
    evaluate.add_argument("--sigma", type=float, help="noise level, 0 to 255")
    evaluate.add_argument("--quality", type=int, help="of JPEG, 1 to 100")
    evaluate.add_argument("--scale", type=int, help="of a bicubic reduction")
    evaluate.add_argument("--degrade", metavar="RECIPE", help="YAML, a YAML file, or CONFIG:LABEL")
    evaluate.add_argument("--pairs", action="store_true", help="the set has degraded photos too")
    evaluate.add_argument("--seed", type=int, default=0, help="of all chance")
    evaluate.add_argument("--clip", action="store_true", help="round and clip noise as files do")
    evaluate.add_argument("--gray", action="store_true", help="take colour photos as gray ones")
    evaluate.add_argument("--baseline", action="append", default=[], help="to measure beside it")
    evaluate.add_argument(
        "--lpips", type=Path, action="append", help="weights for LPIPS", default=[]
    )
    evaluate.add_argument("--strip", type=Path, metavar="OUT.png", help="best, median and worst")
    evaluate.add_argument("--paper", action="store_true", help="the paper's rows beside ours")
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


def _add_serving(commands: "Commands") -> None:
    export = commands.add_parser("export", help="write what is served, from the shipped weights")
    export.add_argument(
        "model",
        nargs="*",
        help="all shipped models unless named; a preset is exported with fresh weights",
    )
    export.add_argument("--repository", type=Path, default=_REPOSITORY, help="what Triton serves")
    export.add_argument("--target", choices=("cpu", "gpu"), default="cpu", help="of the repository")
    export.add_argument("--instances", type=int, default=2, help="of each model, one CPU core each")
    export.add_argument(
        "--all",
        action="store_true",
        help="every form besides: ONNX in float32, half precision, for 8-bit pixels and for any "
        "size, TorchScript, and configurations for CPU and GPU",
    )
    export.add_argument("--presets", action="store_true", help="every preset besides (some 60 GB)")
    export.add_argument("--artifacts", type=Path, default=Path("exports"), help="for all forms")
    export.set_defaults(run=_export)

    models = commands.add_parser("models", help="list presets and shipped models")
    models.add_argument("preset", nargs="*", help="all presets unless named")
    models.add_argument(
        "--card", action="store_true", help="write the facts of shipped models into their cards"
    )
    models.add_argument("--cards", type=Path, default=Path("docs/models"), help="their folder")
    models.add_argument("--counts", action="store_true", help="hold them against the paper's")
    models.add_argument("--json", action="store_true")
    models.set_defaults(run=_models)

    commands.add_parser("up", help="start the whole service on this machine", add_help=False)
    commands.add_parser("keys", help="create, list and revoke API keys", add_help=False)


if __name__ == "__main__":
    sys.exit(main())
