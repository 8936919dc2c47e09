"""What a person at the terminal sees: one prefixed line at a time, in one stream."""

import contextlib
import sys
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Writes lines as `name | text`, aligned."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    width: int = 8

    def line(self, name: str, text: str) -> None:
        """Write one line of a component; into the void when the terminal is gone."""
        with contextlib.suppress(OSError):  # whoever stops the stack must get to the end of it
            self.stream.write(f"{name:<{self.width}} | {text}\n")
            self.stream.flush()
