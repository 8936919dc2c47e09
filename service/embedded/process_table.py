"""Reads Linux's process table."""

from pathlib import Path

_PROC = Path("/proc")


def started_at(pid: int) -> str | None:
    """Return the start time of a process in ticks since boot, which identifies reused process ids.

    Returns None if the process does not exist.
    """
    fields = _stat(pid)
    return fields[19] if fields else None


def has_dead_child(pid: int) -> bool:
    """Return whether a child of the process has ended and is a zombie."""
    ids = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    return any(fields[:2] == ["Z", str(pid)] for fields in map(_stat, ids))


def _stat(pid: int) -> list[str]:
    """Return the fields after the name; empty if the process does not exist."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()  # the name, in parentheses, may contain anything
