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
    from hiir.datasets.pair_layouts import Layout
    from hiir.degradations.recipe import Recipe
    from hiir.models.release import Release

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
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - this Python, no shell


def _eval(options: argparse.Namespace) -> int:
    if options.paper is not None:
        return _paper(options)
    from hiir.evaluation.benchmark import evaluate
    from hiir.evaluation.lpips import Lpips
    from hiir.evaluation.report import draw_strip, to_markdown
    from hiir.evaluation.request import EvaluationRequest, RequestError

    release = _trained(options)
    if options.model is None and release is None:
        raise RequestError("give --model NAME, --run FOLDER or --weights FILE")
    name = options.model if release is None else release.contract.name
    request = EvaluationRequest(
        model=name,
        release=release,
        folder=options.set,
        sigma=options.sigma,
        quality=options.quality,
        scale=options.scale,
        recipe=None if options.degrade is None else _recipe(options.degrade),
        pairs=options.pairs,
        layout=_layout(options),
        seed=options.seed,
        clip=options.clip,
        gray=options.gray,
        noise_level=options.noise_level,
        engine=options.engine,
        device=options.device,
        batch=options.batch,
        providers=tuple(options.providers),
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
        about = {"model": name, "engine": options.engine}
        if options.engine == "torch":
            about["device"] = options.device
        beside = {"baselines": {name: other.to_json() for name, other in baselines.items()}}
        print(
            json.dumps(
                {
                    **about,
                    **samples.to_json(),
                    **convention.to_json(),
                    **evaluation.to_json(),
                    **(beside if baselines else {}),
                },
                allow_nan=False,
            )
        )
    else:
        print(to_markdown(evaluation, baselines))
    return 0


def _paper(options: argparse.Namespace) -> int:
    from hiir.evaluation.paper import compare, settings_of
    from hiir.evaluation.torch_tiles import on_device

    test_set = options.paper or options.set.name
    rows = compare(
        settings_of(options.set, seed=options.seed, test_set=test_set, layout=_layout(options)),
        test_set=test_set,
        run=lambda release: on_device(release, device=options.device, batch=options.batch),
        release=_trained(options),
        only=options.model,
    )
    if options.json:
        print(json.dumps(rows, allow_nan=False))
        return 0
    print("| set | setting | method | PSNR | SSIM |\n|---|---|---|---|---|")
    for row in rows:
        ssim = "" if row["ssim"] is None else f"{row['ssim']:.4f}"
        name = f"**{row['method']}**" if row["ours"] else row["method"]
        print(f"| {row['set']} | {row['setting']} | {name} | {row['psnr']:.2f} | {ssim} |")
    return 0


def _trained(options: argparse.Namespace) -> "Release | None":
    """The model of a run or of weights files, where one is named instead of a shipped one."""
    from hiir.evaluation.request import RequestError

    named = [options.model is not None, options.run_dir is not None, bool(options.weights)]
    if sum(named) > 1:
        raise RequestError("give one of --model, --run and --weights")
    if options.run_dir is not None:
        from hiir.training.run_folder import RunFolder
        from hiir.training.trained_model import read_run

        return read_run(RunFolder(options.run_dir))
    if options.weights:
        from hiir.training.trained_model import read_weights_files

        return read_weights_files(options.weights)
    return None


def _layout(options: argparse.Namespace) -> "Layout | None":
    from hiir.datasets.pair_layouts import Layout
    from hiir.evaluation.request import RequestError

    if options.layout is None:
        return None
    if options.layout not in list(Layout):
        raise RequestError(f"no layout {options.layout!r}; there are {', '.join(Layout)}")
    return Layout(options.layout)


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
    from hiir.models.complexity_table import compare_attention, complexity_table
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
    evaluate.add_argument(
        "--run",
        type=Path,
        dest="run_dir",
        metavar="DIR",
        help="measure the averaged weights of a training run instead of a shipped model",
    )
    evaluate.add_argument(
        "--weights",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="measure a released weights file, or the files of a training state",
    )
    evaluate.add_argument("--set", type=Path, required=True, metavar="DIR")
    evaluate.add_argument("--sigma", type=float, help="noise level, 0 to 255")
    evaluate.add_argument("--quality", type=int, help="of JPEG, 1 to 100")
    evaluate.add_argument("--scale", type=int, help="of a bicubic reduction")
    evaluate.add_argument("--degrade", metavar="RECIPE", help="YAML, a YAML file, or CONFIG:LABEL")
    evaluate.add_argument("--pairs", action="store_true", help="the set has degraded photos too")
    evaluate.add_argument(
        "--layout", help="how the pairs lie on disk, such as input-target (default: found out)"
    )
    level = "noise level that the model is given, 0 to 75 (default: estimated from each image)"
    evaluate.add_argument("--noise-level", type=float, metavar="SIGMA", help=level)
    evaluate.add_argument("--seed", type=int, default=0, help="of all chance")
    evaluate.add_argument("--clip", action="store_true", help="round and clip noise as files do")
    evaluate.add_argument("--gray", action="store_true", help="take colour photos as gray ones")
    evaluate.add_argument("--baseline", action="append", default=[], help="to measure beside it")
    evaluate.add_argument(
        "--lpips", type=Path, action="append", help="weights for LPIPS", default=[]
    )
    evaluate.add_argument("--strip", type=Path, metavar="OUT.png", help="best, median and worst")
    evaluate.add_argument(
        "--paper",
        nargs="?",
        const="",
        metavar="SET",
        help="print the paper's rows for a set beside ours (default: the set is named as --set is)",
    )
    evaluate.add_argument("--engine", choices=_ENGINES, default="torch")
    evaluate.add_argument("--device", default="cpu", help="of the torch engine: cpu or cuda")
    evaluate.add_argument(
        "--batch", type=int, help="tiles that run together on the device (default: 1, on a GPU 8)"
    )
    evaluate.add_argument(
        "--providers",
        nargs="+",
        default=[],
        metavar="NAME",
        help="of ONNX Runtime for --engine onnx, such as CUDAExecutionProvider",
    )
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
    models.add_argument(
        "--complexity",
        type=int,
        nargs="?",
        const=128,
        metavar="SIDE",
        help="compare a layer's attention with global and window attention on SIDE x SIDE tokens, "
        "as the paper's Table 19 does (default: 128, of columnar-base-x4)",
    )
    models.add_argument("--json", action="store_true")
    models.set_defaults(run=_models)

    commands.add_parser("up", help="start the whole service on this machine", add_help=False)
    commands.add_parser("keys", help="create, list and revoke API keys", add_help=False)


if __name__ == "__main__":
    sys.exit(main())
