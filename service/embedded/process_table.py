"""What Linux's process table says of a process, and of its children."""

from pathlib import Path

_PROC = Path("/proc")


def started_at(pid: int) -> str | None:
    """Start time of a process, in ticks since boot: tells two uses of one id apart.

    None when there is no such process.
    """
    fields = _stat(pid)
    return fields[19] if fields else None


def has_dead_child(pid: int) -> bool:
    """Whether a child of the process has ended without its parent having noticed."""
    ids = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    return any(fields[:2] == ["Z", str(pid)] for fields in map(_stat, ids))


def _stat(pid: int) -> list[str]:
    """The fields behind the name, from the state on; empty when there is no such process."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()  # the name, in parentheses, may hold anything
