"""Every command's `--help` explains all options, shows defaults, and has an example that parses."""

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from hiir import cli


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of the commands that are parsed here: not `up` and `keys`."""
    nested = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for action in nested:
        for command in action.choices.values():
            yield from leaves(command)
    if not nested and parser.prog not in {"hiir up", "hiir keys"}:
        yield parser


COMMANDS = {parser.prog: parser for parser in leaves(cli._parser())}


def examples(parser: argparse.ArgumentParser) -> list[str]:
    return [line.strip() for line in (parser.epilog or "").splitlines()[1:]]


def test_all_commands_are_looked_at() -> None:
    assert {"hiir train", "hiir data pack", "hiir eval", "hiir export", "hiir models"} <= set(
        COMMANDS
    )
    assert len(COMMANDS) == 10


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_each_option_with_its_default(command: str) -> None:
    parser = COMMANDS[command]
    shown = " ".join(parser.format_help().split())
    for action in parser._actions:
        assert action.help, action.dest
        if action.option_strings and action.default not in (None, False, [], argparse.SUPPRESS):
            assert f"(default: {action.default})" in shown, action.dest
        for choice in action.choices or ():
            assert choice in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_examples_that_parse(command: str) -> None:
    shown = examples(COMMANDS[command])
    assert shown
    for example in shown:
        program, *arguments = shlex.split(example)
        assert example.startswith(f"{command} ") or example == command
        assert program == "hiir"
        options = cli._parser().parse_args(arguments)
        assert callable(options.run)


def test_the_version_is_shown(capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert re.match(r"hiir \S+\n", capsys.readouterr().out)
