"""The command `hiir completion`: shell completion of commands and options.

Commands import their modules when they run.
"""

import argparse
from collections.abc import Callable

from hiir.cli.command import Commands, add_command

__all__ = ["add_completion_commands"]


def add_completion_commands(
    commands: "Commands", parser: Callable[[], argparse.ArgumentParser]
) -> None:
    """Add `completion` to the parser of `hiir`, which `parser` builds."""

    def run(options: argparse.Namespace) -> int:
        import shtab

        print(shtab.complete(parser(), shell=options.shell))
        return 0

    completion = add_command(
        commands,
        "completion",
        run=run,
        summary="print a script that completes commands and options in a shell",
        example="hiir completion bash\nhiir completion zsh",
    )
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell")
