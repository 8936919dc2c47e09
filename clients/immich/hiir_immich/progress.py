"""What the sidecar has done with each photo, in a SQLite file."""

import sqlite3
import time
from dataclasses import dataclass
from os import PathLike
from typing import Literal, Self

__all__ = ["Entry", "Progress"]

_FIRST_PAUSE = 60.0
_LONGEST_PAUSE = 86400.0
"""Seconds between tries of one photo; the pause doubles with each failure."""

_TABLE = """
CREATE TABLE IF NOT EXISTS photos (
    asset_id TEXT NOT NULL,
    request TEXT NOT NULL,
    step TEXT NOT NULL DEFAULT 'found',
    filename TEXT NOT NULL DEFAULT '',
    content BLOB NOT NULL DEFAULT x'',
    restored_id TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    retry_at REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (asset_id, request)
)
"""

Step = Literal["found", "restored", "uploaded", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How far one photo is."""

    step: Step = "found"
    """The last step that is complete."""
    filename: str = ""
    content: bytes = b""
    """The restored file, from `restored` until it is uploaded."""
    restored_id: str | None = None
    """Asset of the restored file, from `uploaded` on; None if the photo needed no restoration."""
    failures: int = 0
    reason: str | None = None
    """Why the last try failed."""
    retry_at: float = 0.0
    """Unix time before which there is no further try; infinite if there will be none."""


class Progress:
    """Entries by photo and request. Each method is one transaction, durable when it returns.

    The restored file is stored before its upload. So after `kill -9` the same bytes are sent
    again, and Immich recognizes them, even if restoring again would give other bytes.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._database.close()

    def entry(self, asset_id: str, request: str) -> Entry:
        """Return how far a photo is; a photo that is not in the file is `found`."""
        row = self._database.execute(
            "SELECT step, filename, content, restored_id, failures, reason, retry_at"
            " FROM photos WHERE asset_id = ? AND request = ?",
            (asset_id, request),
        ).fetchone()
        if row is None:
            return Entry()
        names = ("step", "filename", "content", "restored_id", "failures", "reason", "retry_at")
        return Entry(**dict(zip(names, row, strict=True)))

    def restored_ids(self) -> set[str]:
        """Return the assets that the sidecar has uploaded."""
        rows = self._database.execute("SELECT restored_id FROM photos WHERE restored_id NOT NULL")
        return {restored_id for (restored_id,) in rows}

    def save(self, asset_id: str, request: str, entry: Entry) -> None:
        """Store the entry in place of the earlier one."""
        self._database.execute(
            "INSERT OR REPLACE INTO photos VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(asset_id, request, entry.step, entry.filename, entry.content),
                *(entry.restored_id, entry.failures, entry.reason, entry.retry_at),
            ),
        )


def next_try(failures: int) -> float:
    """Return the Unix time of the next try after a number of failures, from 1."""
    return time.time() + min(_FIRST_PAUSE * 2.0 ** (failures - 1), _LONGEST_PAUSE)
