"""The command line `hiir`: one file for each group of commands.

Begin with `main`. Commands import their modules when they run, because `hiir up` and `--help` must
not wait for torch.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

from hiir.cli.command import HelpFormatter
from hiir.cli.completion import add_completion_commands
from hiir.cli.degradation import add_degradation_commands
from hiir.cli.evaluation import add_evaluation_commands
from hiir.cli.export import add_export_commands
from hiir.cli.models import add_model_commands
from hiir.cli.restore import add_restore_commands
from hiir.cli.training import add_training_commands

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the arguments without the program's name; by default those of the process.

    Returns:
        The exit status: 0, or 1 for an error, which is printed to standard error in one line.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["up"]:
        return _become("service.embedded", *given)
    if given[:1] == ["keys"]:
        return _become("service.keys", *given[1:])
    options = _parser().parse_args(given)
    options.given = given
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for name in ("httpx", "watchfiles"):  # they log every poll of a job, and every file event
        logging.getLogger(name).setLevel(logging.WARNING)
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except Exception as error:
        if not _is_ours(error):
            raise
        # The message says what is wrong; a traceback would add nothing.
        print(f"hiir: {error}", file=sys.stderr)
        return 1


def _is_ours(error: Exception) -> bool:
    """Return whether the library raised an error deliberately; any other error is a defect."""
    from hiir.errors import HiirError
    from hiir.imaging import ImagingError

    return isinstance(error, HiirError | ImagingError)


def _become(module: str, *arguments: str) -> int:
    """Replace this process with a program of the service, which the library does not import."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - this Python, no shell


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hiir",
        description="Image restoration with Hi-IR: train, evaluate, export and serve models.",
        epilog="examples:\n  hiir up\n  hiir eval --model denoise-color --set photos --sigma 25\n"
        "  hiir COMMAND --help",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_training_commands(commands)
    add_evaluation_commands(commands)
    add_degradation_commands(commands)
    add_export_commands(commands)
    add_model_commands(commands)
    add_restore_commands(commands)
    add_completion_commands(commands, _parser)
    commands.add_parser("up", help="start the whole service on this machine", add_help=False)
    commands.add_parser("keys", help="create, list and revoke API keys", add_help=False)
    return parser


def _version() -> str:
    try:
        return version("hiir-restore")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
