"""Declaration and help format that all commands of `hiir` share."""

import argparse
from collections.abc import Callable
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001

__all__ = ["Commands", "HelpFormatter", "add_command"]


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of examples, and shows the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        hidden = (None, False, argparse.SUPPRESS)
        shown = bool(action.option_strings) and action.default not in hidden
        if action.help and shown and action.default != [] and "default" not in action.help:
            return f"{action.help} (default: %(default)s)"
        return action.help


def add_command(
    commands: "Commands",
    name: str,
    *,
    run: Callable[[argparse.Namespace], int] | None = None,
    summary: str,
    description: str | None = None,
    example: str | None = None,
) -> argparse.ArgumentParser:
    """Add one command.

    Args:
        commands: the subcommands to add it to.
        name: name of the command.
        run: called with the parsed options; returns the exit status.
        summary: one line for the list of commands, without a period.
        description: the first paragraph of ``--help``; by default the summary.
        example: command lines for the end of ``--help``, one per line.
    """
    lines = "".join(f"\n  {line}" for line in (example or "").splitlines())
    parser = commands.add_parser(
        name,
        help=summary,
        description=description or f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:{lines}" if example else None,
        formatter_class=HelpFormatter,
    )
    if run is not None:
        parser.set_defaults(run=run)
    return parser
