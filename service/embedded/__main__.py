"""Command line of the embedded stack: `python -m service.embedded up | sample | fetch`."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from service.embedded.addresses import Addresses
from service.embedded.console import Console
from service.embedded.sample import SampleError, restore_sample
from service.embedded.settings import StackSettings
from service.embedded.stack import run_stack
from service.embedded.supervisor import StackError
from service.embedded.triton_release import TritonUnavailableError, ensure_tritonserver
from service.settings import AuthMode

_SAMPLES = Path("samples")
_INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    given = {
        name: value
        for name, value in vars(options).items()
        if name in StackSettings.model_fields and value is not None
    }
    console = Console()
    try:
        return int(options.run(StackSettings(**given), console, options))
    except ValidationError as error:
        for problem in error.errors(include_input=False):  # a URL may contain a password
            field = "".join(f"{part}: " for part in problem["loc"])
            console.line("up", f"error: {field}{problem['msg'].removeprefix('Value error, ')}")
    except (StackError, SampleError, TritonUnavailableError) as error:
        console.line("up", f"error: {error}")
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 1


def _up(settings: StackSettings, console: Console, options: argparse.Namespace) -> int:
    async def work(addresses: Addresses) -> int:
        status = 0
        if options.sample or options.once:
            try:
                status = await _restore(addresses.api_url, settings, console, options)
            except SampleError as error:
                console.line("sample", f"error: {error}")
                status = 1
        if options.once:
            return status
        console.line("up", f"metrics: {' and '.join(addresses.metrics_urls)}")
        console.line("up", f"restore your own: {_hiir()} restore PHOTO -o restored --task denoise")
        console.line(
            "up",
            f"serving on {addresses.api_url}: open it in a browser (API: /docs); "
            "press Ctrl-C to stop",
        )
        await asyncio.Event().wait()  # until a signal arrives
        return 0

    status = run_stack(settings, console=console, work=work, verbose=options.verbose)
    if status is None:  # stopped by a signal, as is normal for a server
        return _INTERRUPTED if options.once else 0
    return status


def _sample(settings: StackSettings, console: Console, options: argparse.Namespace) -> int:
    api_url = options.url or _running_api(settings)
    return asyncio.run(_restore(api_url, settings, console, options))


def _fetch(settings: StackSettings, console: Console, _: argparse.Namespace) -> int:
    release = ensure_tritonserver(
        settings.cache_dir, on_download=lambda text: console.line("triton", text)
    )
    console.line("triton", f"ready in {release.root}")
    return 0


async def _restore(
    api_url: str, settings: StackSettings, console: Console, options: argparse.Namespace
) -> int:
    out_dir = options.out or settings.data_dir / "out"
    key = settings.api_key
    report = await restore_sample(
        api_url=api_url,
        samples=options.samples,
        out_dir=out_dir,
        api_key=None if key is None else key.get_secret_value(),
    )
    for line in str(report).splitlines():
        console.line("sample", line)
    return 0 if report.good else 1


def _hiir() -> str:
    """Return the command for `hiir`, which is usually not on the path."""
    program = Path(sys.executable).with_name("hiir")
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)


def _running_api(settings: StackSettings) -> str:
    """Return the API's address of the stack that uses the data directory."""
    path = settings.data_dir / "stack.json"
    try:
        return str(json.loads(path.read_text())["api_url"])
    except FileNotFoundError as error:
        raise StackError(f"no stack is running on {settings.data_dir}; pass --url") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service.embedded",
        description="Run the whole stack on one machine: Redis, Triton, workers and the API.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser(
        "up",
        prog="hiir up",
        help="start the whole stack and serve until Ctrl-C",
        description="Start Redis, Triton, the workers and the API, and serve until Ctrl-C.",
        epilog="examples:\n  hiir up --port 9000 --worker-concurrency 1",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    up.set_defaults(run=_up)
    up.add_argument("--host", help="address that the API listens on (default: 127.0.0.1)")
    up.add_argument("--port", type=int, help="port of the API (default: 8000, or the next free)")
    up.add_argument(
        "--auth",
        type=AuthMode,
        choices=list(AuthMode),
        help="who may use the API: `open` is anyone on this machine, `keys` requires API keys "
        "(default: open on a loopback host, keys on any other)",
    )
    up.add_argument(
        "--model-repository",
        type=Path,
        help="directory of models to serve (default: model_repository)",
    )
    up.add_argument("--worker-concurrency", type=int, help="jobs to run at once (default: 2)")
    up.add_argument("--sample", action="store_true", help="restore the sample when ready")
    up.add_argument(
        "--once", action="store_true", help="exit after the sample: 0 if it was restored, else 1"
    )
    up.add_argument("--verbose", action="store_true", help="show the logs of all components")

    sample = commands.add_parser("sample", help="restore the sample on a running stack")
    sample.set_defaults(run=_sample)
    sample.add_argument("--url", help="URL of the API (default: the stack of --data-dir)")

    fetch = commands.add_parser("fetch", help="download the Triton release to the cache")
    fetch.set_defaults(run=_fetch)

    for command in (up, sample):
        command.add_argument(
            "--data-dir", type=Path, help="directory of persistent data (default: .hiir)"
        )
        command.add_argument(
            "--samples",
            type=Path,
            default=_SAMPLES,
            help="directory of the sample (default: samples)",
        )
        command.add_argument(
            "--out", type=Path, help="directory for the result (default: DATA_DIR/out)"
        )
    for command in (up, fetch):
        command.add_argument(
            "--cache-dir",
            type=Path,
            help="directory of the Triton release (default: ~/.cache/hiir)",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
