"""The command `hiir eval`: measure a model, or a classical method, on a test set.

Commands import their modules when they run, because `--help` must not wait for torch.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from hiir.cli.command import Commands, add_command
from hiir.cli.recipe import recipe_from

if TYPE_CHECKING:
    from hiir.datasets.pair_layouts import Layout
    from hiir.models.release import Release

__all__ = ["add_evaluation_commands"]


def add_evaluation_commands(commands: "Commands") -> None:
    """Add `eval` to the parser of `hiir`."""
    evaluate = add_command(
        commands,
        "eval",
        run=_eval,
        summary="measure a model or a baseline on a test set",
        description="Measure a model or a baseline on a test set: PSNR, SSIM and, with --lpips, "
        "LPIPS, on the channels and with the border that the literature uses for the task.",
        example="hiir eval --model denoise-color --set data/CBSD68 --sigma 25\n"
        "hiir eval --model sr-x2 --set data/Set5 --baseline bicubic --strip strip.png\n"
        "hiir eval --run runs/denoise-color --set data/CBSD68 --sigma 25 --json",
    )
    what = evaluate.add_argument_group("model", "give one of --model, --run and --weights")
    what.add_argument(
        "--model",
        metavar="NAME",
        help="a shipped model, or one of input, bicubic, nlm, bm3d, malvar",
    )
    what.add_argument(
        "--run",
        type=Path,
        dest="run_dir",
        metavar="DIR",
        help="measure the averaged weights of a training run",
    )
    what.add_argument(
        "--weights",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="measure a released weights file, or all files of a training state",
    )
    what.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="NAME",
        help="measure this baseline too; can be repeated",
    )
    data = evaluate.add_argument_group(
        "test set",
        "how clean images are degraded: give one of --sigma, --quality, --scale and --degrade, or "
        "--pairs; super-resolution and demosaicking need none",
    )
    data.add_argument(
        "--set", type=Path, required=True, metavar="DIR", help="folder of the test images"
    )
    data.add_argument("--sigma", type=float, help="add Gaussian noise of this level, 0 to 255")
    data.add_argument("--quality", type=int, help="compress as JPEG of this quality, 1 to 100")
    data.add_argument("--scale", type=int, help="downscale by this factor with MATLAB's imresize")
    data.add_argument(
        "--degrade",
        metavar="RECIPE",
        help="degrade by a recipe: YAML, a YAML file, or CONFIG:LABEL of a shipped configuration",
    )
    data.add_argument(
        "--pairs", action="store_true", help="the set holds degraded photos beside the clean ones"
    )
    data.add_argument(
        "--layout",
        metavar="NAME",
        help="folder layout of the pairs, such as input-target (default: detected)",
    )
    data.add_argument("--seed", type=int, default=0, help="random seed of the degradation")
    data.add_argument("--clip", action="store_true", help="round noisy images to 8 bits and clip")
    data.add_argument("--gray", action="store_true", help="convert color images to gray first")
    data.add_argument(
        "--noise-level",
        type=float,
        metavar="SIGMA",
        help="noise level that is passed to the model, 0 to 75 (default: estimated per image)",
    )
    how = evaluate.add_argument_group("execution")
    how.add_argument(
        "--engine",
        choices=("torch", "onnx", "openvino", "service"),
        default="torch",
        help="run the model in torch, its exported graph in ONNX Runtime or OpenVINO, or send the "
        "images to a running service",
    )
    how.add_argument("--device", default="cpu", help="device of the torch engine: cpu or cuda")
    how.add_argument(
        "--batch", type=int, help="tiles per forward pass (default: 1 on a CPU, 8 on a GPU)"
    )
    how.add_argument(
        "--providers",
        nargs="+",
        default=[],
        metavar="NAME",
        help="execution providers of the onnx engine (default: CPUExecutionProvider)",
    )
    how.add_argument(
        "--precision",
        choices=("fp32", "bf16"),
        help="precision of the openvino engine (default: that of the model's contract)",
    )
    how.add_argument(
        "--repository",
        type=Path,
        default=Path("model_repository"),
        metavar="DIR",
        help="folder that `hiir export` wrote, for the engines onnx and openvino",
    )
    how.add_argument(
        "--url", default="http://127.0.0.1:8000", help="address of the service, for its engine"
    )
    output = evaluate.add_argument_group("output")
    output.add_argument(
        "--lpips",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="measure LPIPS too, with these weights; can be repeated",
    )
    output.add_argument(
        "--strip",
        type=Path,
        metavar="OUT.png",
        help="save a picture of the best, median and worst image",
    )
    output.add_argument(
        "--paper",
        nargs="?",
        const="",
        metavar="SET",
        help="print the paper's results on this set beside ours (default: the name of --set)",
    )
    output.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _eval(options: argparse.Namespace) -> int:
    if options.paper is not None:
        return _paper(options)
    from hiir.evaluation.evaluate import evaluate
    from hiir.evaluation.evaluation_request import EvaluationRequest, RequestError
    from hiir.evaluation.lpips import Lpips
    from hiir.evaluation.report import draw_strip, to_markdown

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
        recipe=None if options.degrade is None else recipe_from(options.degrade),
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
        precision=options.precision,
        repository=options.repository,
        url=options.url,
    )
    lpips = Lpips.read(options.lpips) if options.lpips else None
    samples, protocol = request.samples(), request.protocol()
    restorer = request.restorer()
    evaluation = evaluate(restorer, samples, protocol, lpips=lpips)
    baselines = {
        name: evaluate(request.restorer(name), samples, protocol, lpips=lpips)
        for name in options.baseline
    }
    if options.strip is not None:
        draw_strip(evaluation, restorer, samples, protocol).save(options.strip)
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
                    **protocol.to_json(),
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
    from hiir.evaluation.paper_tables import compare, settings_of
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
    """Return the model of a run or of weights files; None if a shipped model is evaluated."""
    from hiir.evaluation.evaluation_request import RequestError

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
    from hiir.evaluation.evaluation_request import RequestError

    if options.layout is None:
        return None
    if options.layout not in list(Layout):
        raise RequestError(f"no layout {options.layout!r}; there are {', '.join(Layout)}")
    return Layout(options.layout)
