"""Parallel runs, one process each: two small networks share a GPU well."""

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO

__all__ = ["run_in_parallel"]


def run_in_parallel(commands: Mapping[str, Sequence[str]]) -> int:
    """Run ``hiir`` commands and print their output; each line is prefixed with the run's name.

    SIGINT and SIGTERM are forwarded, and the runs are awaited: each writes its checkpoint.

    Args:
        commands: arguments of ``hiir`` by the name of the run.

    Returns:
        0 if all succeeded, otherwise the exit status of the first that failed.
    """
    processes: dict[str, subprocess.Popen[str]] = {}

    def pass_on(number: int, _: object) -> None:
        for process in processes.values():
            process.send_signal(number)

    before = {n: signal.signal(n, pass_on) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        for name, arguments in commands.items():
            processes[name] = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-m", "hiir.cli", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,  # a terminal's interrupt reaches it through this process
            )
        readers = [
            threading.Thread(target=_print_lines, args=(name, process.stdout))
            for name, process in processes.items()
        ]
        for reader in readers:
            reader.start()
        statuses = [process.wait() for process in processes.values()]
        for reader in readers:
            reader.join()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return next((status for status in statuses if status), 0)


def _print_lines(name: str, output: IO[str] | None) -> None:
    assert output is not None  # noqa: S101 - a pipe was asked for
    for line in output:
        sys.stdout.write(f"{name} | {line}")
        sys.stdout.flush()
