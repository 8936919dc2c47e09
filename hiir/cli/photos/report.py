"""Output of `hiir restore`: progress bars at a terminal, a line or a JSON object per photo."""

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hiir.cli.photos.run import Outcome

if TYPE_CHECKING:
    from hiir_client import JobState

__all__ = ["Report"]


class Report:
    """Displays the progress and the outcomes of one run. Thread-safe, and a context manager."""

    def __init__(self, *, count: int | None, as_json: bool) -> None:
        self._count = count
        self._as_json = as_json
        self._counts: Counter[str] = Counter()
        self._failures: list[Outcome] = []
        self._lock = threading.Lock()
        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[shown]}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._all = self._bars.add_task("all photos", total=count, shown="")

    def __enter__(self) -> "Report":
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    @property
    def has_failures(self) -> bool:
        """Whether any photo failed."""
        return bool(self._failures)

    @contextmanager
    def photo(self, name: str) -> Iterator[Callable[["JobState"], None]]:
        """Display one photo as in progress; yields the callback for its progress."""
        bar = self._bars.add_task(name, total=100, shown="waits")

        def update(state: "JobState") -> None:
            done = state.progress
            shown = f"{done.stage} {done.tiles_done}/{done.tiles_total} tiles"
            self._bars.update(bar, completed=done.percent, shown=shown)

        try:
            yield update
        finally:
            self._bars.remove_task(bar)

    def finish(self, outcome: Outcome) -> None:
        """Print the outcome of a photo."""
        with self._lock:
            self._counts[outcome.status] += 1
            if outcome.status == "failed":
                self._failures.append(outcome)
            done = self._counts.total()
            shown = f"{done}" if self._count is None else f"{done}/{self._count}"
            self._bars.update(self._all, completed=done, shown=f"{shown} photos")
            self._print(json.dumps(asdict(outcome)) if self._as_json else _line(outcome, shown))

    def _print(self, line: str) -> None:
        if self._console.is_terminal and sys.stdout.isatty():
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, flush=True)

    def summarize(self) -> None:
        """Print the number of photos by outcome, and list the failures."""
        with self._lock:
            counted = ", ".join(f"{count} {name}" for name, count in sorted(self._counts.items()))
            print(f"hiir: {counted or 'no photos'}", file=sys.stderr)
            for outcome in self._failures:
                print(f"  {outcome.source}: {_reason(outcome)}", file=sys.stderr)


def _line(outcome: Outcome, shown: str) -> str:
    line = f"[{shown}] {outcome.status}: {outcome.source}"
    if outcome.status == "failed":
        return f"{line}: {_reason(outcome)}"
    return f"{line} -> {outcome.target}"


def _reason(outcome: Outcome) -> str:
    ids = {"request": outcome.request_id, "job": outcome.job_id}
    shown = "".join(f" [{name} {value}]" for name, value in ids.items() if value)
    return f"{outcome.code}: {outcome.detail}{shown}"
