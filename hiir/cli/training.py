"""The commands that train: `hiir train`, `data`, `unpack-run` and `release`.

Commands import what they need when they run: `--help` must not wait for torch.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from hiir.training.duration import duration

if TYPE_CHECKING:
    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001

__all__ = ["add_training_commands"]


def add_training_commands(commands: "Commands") -> None:
    """Add the commands to the parser of `hiir`."""
    train = commands.add_parser(
        "train",
        help="train models, or resume interrupted runs",
        description="Train a model, or resume an interrupted run. With several names the models "
        "are trained side by side, a process each.",
        epilog="example: hiir train denoise-color --for 2h --set data.root=photos",
    )
    train.add_argument(
        "config", nargs="+", help="name of a shipped configuration, or path of a YAML file"
    )
    train.add_argument(
        "--for",
        dest="duration",
        type=duration,
        metavar="TIME",
        help="train for a time such as 540s, 9m or 2.5h, whose last share anneals the learning "
        "rate (default: the steps of the configuration)",
    )
    train.add_argument(
        "--run-dir",
        type=Path,
        metavar="DIR",
        help="folder of the run; of several models, their parent (default: runs/NAME)",
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
        help="settings for a kind of device; auto chooses gpu where there is one (default: auto)",
    )
    train.add_argument(
        "--devices",
        type=int,
        default=1,
        help="number of GPUs, or of processes on a CPU (default: %(default)s)",
    )
    train.add_argument(
        "--nodes",
        type=int,
        default=1,
        help="number of machines, each running this command (default: %(default)s)",
    )
    train.add_argument(
        "--accelerator",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="auto uses a GPU if there is one (default: %(default)s)",
    )
    train.add_argument(
        "--seconds",
        type=float,
        help="stop after this many seconds wherever the schedule is, with a checkpoint",
    )
    train.add_argument(
        "--allow-changed",
        action="store_true",
        help="resume a run of another configuration",
    )
    train.add_argument(
        "--carry",
        type=Path,
        metavar="DIR",
        help="with each checkpoint, write the run in files below 16 MiB to this folder",
    )
    train.set_defaults(run=_train)

    data = commands.add_parser("data", help="prepare training data")
    actions = data.add_subparsers(required=True, metavar="ACTION")
    pack = actions.add_parser(
        "pack",
        help="write training and validation images into archives of a bounded size",
        epilog="example: hiir data pack denoise-color --output shards --set data.root=photos",
    )
    pack.add_argument("config", help="configuration that names the images")
    pack.add_argument(
        "--output",
        type=Path,
        default=Path("shards"),
        metavar="DIR",
        help="folder of the archives (default: %(default)s)",
    )
    pack.add_argument(
        "--shard-mib",
        type=int,
        default=36,
        help="size of an archive in MiB at most (default: %(default)s)",
    )
    pack.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    pack.set_defaults(run=_data_pack)

    unpack = commands.add_parser(
        "unpack-run", help="make a run folder of the files that train --carry wrote"
    )
    unpack.add_argument("files", nargs="+", type=Path, help="all files of one run")
    unpack.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="to be made")
    unpack.set_defaults(run=_unpack_run)

    release = commands.add_parser("release", help="ship the weights of a run in hiir/zoo, measured")
    release.add_argument("run_dir", type=Path, help="folder of the run")
    release.add_argument("--test-set", type=Path, action="append", default=[], metavar="DIR")
    release.add_argument("--test-pairs", type=Path, action="append", default=[], metavar="DIR")
    release.add_argument("--overlap", type=int, help="of tiles, instead of the configuration's")
    release.set_defaults(run=_release)


def _train(options: argparse.Namespace) -> int:
    import torch

    from hiir.training.experiments import load_config
    from hiir.training.run_folder import RunFolder

    if len(options.config) > 1:
        return _train_in_parallel(options)
    profile = options.profile
    if profile == "auto":
        profile = "gpu" if torch.cuda.is_available() and options.accelerator != "cpu" else "none"
    overrides = list(options.set)
    if options.duration is not None:
        overrides.append(f"duration={options.duration}")
    config = load_config(
        options.config[0],
        overrides=tuple(overrides),
        profile=None if profile == "none" else profile,
    )
    from hiir.training.loop import train

    train(
        config,
        RunFolder(options.run_dir or Path("runs") / config.name),
        devices=options.devices,
        nodes=options.nodes,
        accelerator=options.accelerator,
        seconds=options.seconds,
        allow_changed=options.allow_changed,
        carry=options.carry,
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
    from hiir.evaluation.tiling_artifacts import MAX_SEAM, tiling_from_quality
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
    )
    print(json.dumps(dict(contract.quality), indent=2))
    for picture, found in tiling_from_quality(contract.quality).items():
        if found.seam > MAX_SEAM:
            print(
                f"hiir: tiles show in the {picture}, by {found.seam:.1f} levels of 255: "
                f"release it with more than --overlap {contract.overlap}",
                file=sys.stderr,
            )
    return 0
