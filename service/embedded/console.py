"""Output for the terminal: one line at a time, prefixed with the component's name."""

import contextlib
import sys
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Writes aligned lines: `name | text`."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    width: int = 8

    def line(self, name: str, text: str) -> None:
        """Write one line; errors are ignored, because the terminal may be closed."""
        with contextlib.suppress(OSError):  # shutdown must continue without a terminal
            self.stream.write(f"{name:<{self.width}} | {text}\n")
            self.stream.flush()
