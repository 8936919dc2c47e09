"""`python -m service.embedded up | sample | fetch`: the embedded stack from the command line."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from service.embedded.addresses import Addresses
from service.embedded.console import Console
from service.embedded.sample import SampleError, restore_sample
from service.embedded.settings import StackSettings
from service.embedded.stack import run_stack
from service.embedded.supervisor import StackError
from service.embedded.triton_release import TritonUnavailableError, ensure_tritonserver

_SAMPLES = Path("samples")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    given = {
        name: value
        for name, value in vars(options).items()
        if name in StackSettings.model_fields and value is not None
    }
    settings = StackSettings(**given)
    console = Console()
    try:
        if options.command == "up":
            return _up(settings, console, options)
        if options.command == "sample":
            return asyncio.run(_sample(_api_url(settings, options.url), console, options))
        console.line("up", f"Triton is in {ensure_tritonserver(settings.cache_dir).root}")
    except (StackError, TritonUnavailableError) as error:
        console.line("up", f"error: {error}")
        return 1
    return 0


def _up(settings: StackSettings, console: Console, options: argparse.Namespace) -> int:
    async def work(addresses: Addresses) -> int:
        status = 0
        if options.sample or options.once:
            status = await _sample(addresses.api_url, console, options)
        if options.once:
            return status
        console.line("up", f"serving on {addresses.api_url}; Ctrl-C stops everything")
        await asyncio.Event().wait()  # until a signal
        return 0

    return run_stack(settings, console=console, work=work)


async def _sample(api_url: str, console: Console, options: argparse.Namespace) -> int:
    try:
        report = await restore_sample(api_url=api_url, samples=options.samples, out_dir=options.out)
    except SampleError as error:
        console.line("sample", f"error: {error}")
        return 1
    for line in str(report).splitlines():
        console.line("sample", line)
    return 0 if report.good else 1


def _api_url(settings: StackSettings, given: str | None) -> str:
    """The address given, or that of the stack which runs on the data directory."""
    if given is not None:
        return given
    path = settings.data_dir / "stack.json"
    try:
        return str(json.loads(path.read_text())["api_url"])
    except FileNotFoundError as error:
        raise StackError(f"no stack is running on {settings.data_dir}; give --url") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    up = commands.add_parser("up", help="start the whole stack and serve until Ctrl-C")
    up.add_argument("--host")
    up.add_argument("--port", type=int)
    up.add_argument("--model-repository", type=Path)
    up.add_argument("--worker-concurrency", type=int)
    up.add_argument("--sample", action="store_true", help="restore the sample when ready")
    up.add_argument("--once", action="store_true", help="end after the sample, 0 or 1")

    sample = commands.add_parser("sample", help="restore the sample on a running stack")
    sample.add_argument("--url", help="the API's address")

    fetch = commands.add_parser("fetch", help="get the Triton release into the cache")
    fetch.add_argument("--cache-dir", type=Path)
    up.add_argument("--cache-dir", type=Path)
    for command in (up, sample):
        command.add_argument("--data-dir", type=Path)
        command.add_argument("--samples", type=Path, default=_SAMPLES)
        command.add_argument("--out", type=Path, default=Path(".hiir/out"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
