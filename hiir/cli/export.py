"""The command `hiir export`: write the graphs that Triton serves.

Commands import their modules when they run, because `--help` must not wait for torch.
"""

import argparse
from pathlib import Path

from hiir.cli.command import Commands, add_command

__all__ = ["add_export_commands"]


def add_export_commands(commands: "Commands") -> None:
    """Add `export` to the parser of `hiir`."""
    export = add_command(
        commands,
        "export",
        run=_export,
        summary="export models to ONNX for Triton, and to other formats",
        description="Export models to the repository that Triton serves. Each graph is compared "
        "with torch before it replaces an older one; a graph that is up to date is kept.",
        example="hiir export\nhiir export denoise-color --target gpu\nhiir export sr-x2 --all",
    )
    export.add_argument(
        "model",
        nargs="*",
        help="models to export (default: all shipped ones); a preset is exported with random "
        "weights",
    )
    export.add_argument(
        "--repository",
        type=Path,
        metavar="DIR",
        help="model repository of Triton (default: model_repository, or model_repository_gpu for a "
        "GPU)",
    )
    export.add_argument(
        "--target", choices=("cpu", "gpu"), default="cpu", help="device that Triton runs on"
    )
    export.add_argument("--instances", type=int, default=1, help="instances of each model on a GPU")
    export.add_argument(
        "--all",
        action="store_true",
        help="also write every other format to --artifacts: ONNX in float32, in half precision, "
        "for 8-bit pixels and for any size, TorchScript, and configurations for CPU and GPU",
    )
    export.add_argument(
        "--presets", action="store_true", help="also export every preset (about 60 GB)"
    )
    export.add_argument(
        "--artifacts",
        type=Path,
        default=Path("exports"),
        metavar="DIR",
        help="folder of the other formats",
    )


def _export(options: argparse.Namespace) -> int:
    from hiir.export.artifacts import export_artifacts, untrained_release
    from hiir.export.triton import export_release
    from hiir.export.triton_config import Target
    from hiir.models.presets import PRESETS
    from hiir.models.release import list_releases, load_release

    target = Target(options.target)
    default = "model_repository_gpu" if target is Target.GPU else "model_repository"
    repository = options.repository or Path(default)
    shipped = list_releases()
    for name in options.model or [*shipped, *(PRESETS if options.presets else ())]:
        untrained = name in PRESETS and name not in shipped
        release = untrained_release(name) if untrained else load_release(name)
        if not untrained:
            written = export_release(
                release, repository, target=target, instances=options.instances
            )
            print(f"{name}: {'exported' if written else 'up to date'}")
        if untrained or options.all:
            for path, written in export_artifacts(release, options.artifacts / name):
                print(f"{path}: {'exported' if written else 'up to date'}")
    return 0
