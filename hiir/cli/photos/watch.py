"""Watches folders for new photos, and yields each when it has stopped changing."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchfiles import Change, watch

from hiir.cli.photos.plan import find_photos, is_in_output, is_photo

__all__ = ["resting_photos"]

_REST_S = 2.0
_CHECK_MS = 250


@dataclass(frozen=True, slots=True)
class _Size:
    bytes: int
    modified_ns: int


def resting_photos(
    folders: Sequence[Path], *, output: Path, recursive: bool, rest_seconds: float = _REST_S
) -> Iterator[tuple[Path, Path]]:
    """Yield each photo with its path inside its folder, and again whenever it has changed.

    Existing photos come first. A photo is yielded when its size and modification time have been
    constant for `rest_seconds`, because it may still be being copied before that. Ends with
    `KeyboardInterrupt`.
    """
    resting = _Resting(rest_seconds)
    started = False
    for changes in watch(
        *folders, recursive=recursive, yield_on_timeout=True, rust_timeout=_CHECK_MS, step=50
    ):
        if not started:  # the watch is active: new files are reported as events
            started = True
            for folder in folders:
                for path, _ in find_photos(folder, output=output, recursive=recursive):
                    resting.notice(path.absolute())
        for change, name in changes:
            if change is not Change.deleted:
                resting.notice(Path(name))
        for path in resting.take():
            folder = next(item for item in folders if path.is_relative_to(item.absolute()))
            relative = path.relative_to(folder.absolute())
            if is_photo(relative) and not is_in_output(path, folder, output=output):
                yield path, relative


class _Resting:
    """Files that have changed, with the time since which they have been constant."""

    def __init__(self, rest_seconds: float) -> None:
        self._rest = rest_seconds
        self._pending: dict[Path, tuple[_Size | None, float]] = {}
        self._taken: dict[Path, _Size] = {}

    def notice(self, path: Path) -> None:
        self._pending.setdefault(path, (None, time.monotonic()))

    def take(self) -> Iterator[Path]:
        """Yield the files that have stopped changing."""
        now = time.monotonic()
        for path, (before, since) in list(self._pending.items()):
            size = _size(path)
            if size is None or size == self._taken.get(path):
                del self._pending[path]  # deleted, or an event of a file that was already yielded
            elif size != before:
                self._pending[path] = (size, now)
            elif now - since >= self._rest:
                del self._pending[path]
                self._taken[path] = size
                yield path


def _size(path: Path) -> _Size | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _Size(found.st_size, found.st_mtime_ns) if path.is_file() else None
