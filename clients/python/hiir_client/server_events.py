"""A parser of server-sent events (HTML Living Standard, section 9.2.6)."""

import codecs
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event."""

    id: str
    kind: str
    data: str


@dataclass(slots=True)
class EventParser:
    """Parses a stream in pieces.

    Only complete events are returned; an event that a lost connection cuts off is dropped.
    """

    last_id: str = ""
    reconnect_seconds: float | None = None
    """Pause before reconnecting, if the server has specified one."""
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8-sig")("replace")
    )
    _text: str = ""
    _id: str = ""
    _kind: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, content: bytes) -> list[ServerEvent]:
        """Return the events that `content` completes."""
        self._text += self._decoder.decode(content)
        events = []
        while (line := self._next_line()) is not None:
            if line:
                self._read_field(line)
            elif (event := self._dispatch()) is not None:
                events.append(event)
        return events

    def _next_line(self) -> str | None:
        for position, character in enumerate(self._text):
            if character == "\n":
                end = position + 1
            elif character == "\r":
                if position + 1 == len(self._text):
                    return None  # a line feed may follow and belong to it
                end = position + (2 if self._text[position + 1] == "\n" else 1)
            else:
                continue
            line, self._text = self._text[:position], self._text[end:]
            return line
        return None

    def _read_field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._kind = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self.reconnect_seconds = int(value) / 1000
            case _:
                pass  # a comment, or a field that this parser does not know

    def _dispatch(self) -> ServerEvent | None:
        self.last_id = self._id or self.last_id
        data, kind = "\n".join(self._data), self._kind or "message"
        has_data = bool(self._data)
        self._data, self._kind = [], ""
        return ServerEvent(id=self.last_id, kind=kind, data=data) if has_data else None
