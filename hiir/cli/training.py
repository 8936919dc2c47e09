"""The training commands: `hiir train`, `data`, `unpack-run` and `release`.

Commands import their modules when they run, because `--help` must not wait for torch.
"""

import argparse
import json
import sys
from pathlib import Path

from hiir.cli.command import Commands, add_command
from hiir.training.duration import duration

__all__ = ["add_training_commands"]


def add_training_commands(commands: "Commands") -> None:
    """Add `train`, `data`, `unpack-run` and `release` to the parser of `hiir`."""
    _add_train(commands)
    _add_data(commands)
    _add_release(commands)


def _add_train(commands: "Commands") -> None:
    train = add_command(
        commands,
        "train",
        run=_train,
        summary="train models, or resume interrupted runs",
        description="Train a model, or resume an interrupted run. With several names the models "
        "are trained side by side, a process each.",
        example="hiir train denoise-color --for 2h --set data.root=photos\n"
        "hiir train my-experiment.yaml --set optimizer.lr=1e-3 --run-dir runs/lr1e-3",
    )
    train.add_argument(
        "config",
        nargs="+",
        help="name of a shipped configuration (see hiir/configs), or path of a YAML file",
    )
    train.add_argument(
        "--for",
        dest="duration",
        type=duration,
        metavar="TIME",
        help="train for a time such as 540s, 9m or 2.5h, which the stages of the configuration "
        "share (default: the lengths of the configuration)",
    )
    train.add_argument(
        "--run-dir",
        type=Path,
        metavar="DIR",
        help="folder of the run; for several models, their parent (default: runs/NAME)",
    )
    train.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a value of the configuration, in YAML; can be repeated",
    )
    train.add_argument(
        "--profile",
        choices=("auto", "none", "gpu"),
        default="auto",
        help="settings for a kind of device; auto chooses gpu if there is one",
    )
    train.add_argument(
        "--devices", type=int, default=1, help="number of GPUs, or of processes on a CPU"
    )
    train.add_argument(
        "--nodes", type=int, default=1, help="number of machines, each running this command"
    )
    train.add_argument(
        "--accelerator",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="auto uses a GPU if there is one",
    )
    train.add_argument(
        "--seconds",
        type=float,
        help="stop after this many seconds with a checkpoint, wherever the schedule is (default: "
        "train to the end)",
    )
    train.add_argument(
        "--allow-changed",
        action="store_true",
        help="resume a run although its configuration has changed",
    )
    train.add_argument(
        "--carry",
        type=Path,
        metavar="DIR",
        help="with each checkpoint, also write the run to this folder in files below 16 MiB, for "
        "`hiir unpack-run`",
    )
    train.add_argument(
        "--carry-averages",
        action="store_true",
        help="with --carry, write the averaged weights alone",
    )


def _add_data(commands: "Commands") -> None:
    data = add_command(
        commands,
        "data",
        summary="prepare training data",
        example="hiir data pack denoise-color --output shards",
    )
    actions = data.add_subparsers(required=True, metavar="ACTION")
    pack = add_command(
        actions,
        "pack",
        run=_data_pack,
        summary="write training and validation images into tar archives of a bounded size",
        example="hiir data pack denoise-color --output shards --set data.root=photos",
    )
    pack.add_argument("config", help="configuration that names the image folders")
    pack.add_argument(
        "--output",
        type=Path,
        default=Path("shards"),
        metavar="DIR",
        help="folder of the archives",
    )
    pack.add_argument("--shard-mib", type=int, default=36, help="largest size of an archive in MiB")
    pack.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a value of the configuration, in YAML; can be repeated",
    )


def _add_release(commands: "Commands") -> None:
    unpack = add_command(
        commands,
        "unpack-run",
        run=_unpack_run,
        summary="restore a run folder from the files that `hiir train --carry` wrote",
        example="hiir unpack-run carried/denoise-color-*.safetensors --run-dir runs/denoise-color",
    )
    unpack.add_argument("files", nargs="+", type=Path, help="all files of one run")
    unpack.add_argument(
        "--run-dir", type=Path, required=True, metavar="DIR", help="folder to create"
    )

    release = add_command(
        commands,
        "release",
        run=_release,
        summary="measure the weights of a run and ship them in hiir/zoo",
        example="hiir release runs/denoise-color --test-set data/CBSD68",
    )
    release.add_argument("run_dir", type=Path, help="folder of the run")
    release.add_argument(
        "--test-set",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="clean images to measure the model on; can be repeated",
    )
    release.add_argument(
        "--test-pairs",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="pairs of degraded and clean photos to measure the model on; can be repeated",
    )
    release.add_argument(
        "--overlap",
        type=int,
        metavar="PIXELS",
        help="overlap of neighboring tiles, more makes seams fainter "
        "(default: that of the configuration)",
    )
    release.add_argument(
        "--best",
        action="store_true",
        help="release the weights of the best validation instead of the last ones",
    )
    release.add_argument(
        "--below-gate",
        action="store_true",
        help="release weights that change clean photos, drawings or flat colors too much",
    )


def _train(options: argparse.Namespace) -> int:
    import torch

    from hiir.training.experiments import load_stages
    from hiir.training.run_folder import RunFolder

    if len(options.config) > 1:
        return _train_in_parallel(options)
    profile = options.profile
    if profile == "auto":
        profile = "gpu" if torch.cuda.is_available() and options.accelerator != "cpu" else "none"
    stages = load_stages(
        options.config[0],
        overrides=tuple(options.set),
        profile=None if profile == "none" else profile,
    )
    from hiir.training.stages import split_time, train_stages

    if options.duration is not None:
        stages = split_time(stages, options.duration)
    train_stages(
        stages,
        RunFolder(options.run_dir or Path("runs") / stages[-1].name),
        devices=options.devices,
        nodes=options.nodes,
        accelerator=options.accelerator,
        seconds=options.seconds,
        allow_changed=options.allow_changed,
        carry=options.carry,
        carry_averages=options.carry_averages,
    )
    return 0


def _train_in_parallel(options: argparse.Namespace) -> int:
    from hiir.training.parallel_runs import run_in_parallel

    given = list(options.given)
    for name in options.config:
        given.remove(name)
    folder = options.run_dir or Path("runs")
    return run_in_parallel(
        {
            Path(name).stem: [*given, name, "--run-dir", str(folder / Path(name).stem)]
            for name in options.config
        }
    )


def _data_pack(options: argparse.Namespace) -> int:
    from hiir.datasets.shards import write_shards
    from hiir.training.experiments import load_config

    data = load_config(options.config, overrides=tuple(options.set)).data
    for shard in write_shards(
        data.root,
        data.train,
        options.output,
        max_bytes=options.shard_mib * 2**20,
        first=(data.validation,),
    ):
        print(shard)
    return 0


def _unpack_run(options: argparse.Namespace) -> int:
    from hiir.training.portable_run import unpack_run
    from hiir.training.run_folder import RunFolder

    config = unpack_run(options.files, RunFolder(options.run_dir))
    print(f"{config.name} in {options.run_dir}")
    return 0


def _release(options: argparse.Namespace) -> int:
    from hiir.evaluation.release_gate import gate_failures
    from hiir.models.release import zoo_path
    from hiir.training.release_run import release_run
    from hiir.training.run_folder import RunFolder
    from hiir.training.trained_model import state_of

    run = RunFolder(options.run_dir)
    path = zoo_path(state_of(run)[0].name)
    contract = release_run(
        run,
        path,
        test_sets=options.test_set,
        test_pairs=options.test_pairs,
        overlap=options.overlap,
        best=options.best,
        below_gate=options.below_gate,
    )
    print(json.dumps(dict(contract.quality), indent=2))
    for failure in gate_failures(contract.quality):
        print(f"hiir: {failure}", file=sys.stderr)
    return 0
