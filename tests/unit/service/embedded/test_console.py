"""Lines at the terminal."""

import io

from service.embedded.console import Console


class GoneTerminal(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_names_are_aligned() -> None:
    stream = io.StringIO()
    console = Console(stream=stream)
    console.line("up", "ready")
    console.line("triton", "loaded")
    assert stream.getvalue() == "up       | ready\ntriton   | loaded\n"


def test_a_terminal_that_is_gone_stops_nobody() -> None:
    Console(stream=GoneTerminal()).line("up", "stopping")
