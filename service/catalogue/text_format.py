"""Protocol buffers' text format, as far as a Triton `config.pbtxt` uses it.

It is read here without its schema, because the schema comes with tritonclient, which the API does
not import.
"""

import re
from collections.abc import Iterator
from typing import Union

Message = dict[str, list[Union[str, "Message"]]]
"""Field name to its values in order; a number, an enum and a string are all text."""

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<word>[\w.+-]+)
      | (?P<mark>[{}<>\[\]:,;])""",
    re.VERBOSE,
)
_CLOSING = {"{": "}", "<": ">"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}


class TextFormatError(ValueError):
    """The text is not in the format, or in a corner of it that is not read here."""


def parse_text_format(text: str) -> Message:
    """Read one message; raises `TextFormatError`."""
    return _Parser(text).message(until="")


class _Parser:
    """Recursive descent over the tokens, one look-ahead."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokenize(text)
        self._next = next(self._tokens)

    def message(self, *, until: str) -> Message:
        """Fields up to and including the mark `until`; the empty mark is the end of the text."""
        fields: Message = {}
        while self._next != until:
            name = self._take()
            if not re.fullmatch(r"\w+", name):
                raise TextFormatError(f"expected a field name, found {name!r}")
            values = fields.setdefault(name, [])
            if self._skip(":") or self._next in {"[", *_CLOSING}:
                values.extend(self._values())
            else:
                raise TextFormatError(f"expected ':' after {name}, found {self._next!r}")
            self._skip(",") or self._skip(";")
        self._take()
        return fields

    def _values(self) -> Iterator[str | Message]:
        if not self._skip("["):
            yield self._value()
            return
        while not self._skip("]"):
            yield self._value()
            if self._next != "]" and not self._skip(","):
                raise TextFormatError(f"expected ',' or ']', found {self._next!r}")

    def _value(self) -> str | Message:
        token = self._take()
        if token in _CLOSING:
            return self.message(until=_CLOSING[token])
        if token[:1] in {'"', "'"}:
            text = _unquote(token)
            while self._next[:1] in {'"', "'"}:  # neighbouring strings are one
                text += _unquote(self._take())
            return text
        if not re.fullmatch(r"[\w.+-]+", token):
            raise TextFormatError(f"expected a value, found {token!r}")
        return token

    def _take(self) -> str:
        token = self._next
        self._next = next(self._tokens, "")
        return token

    def _skip(self, mark: str) -> bool:
        if self._next != mark:
            return False
        self._take()
        return True


def _tokenize(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            line = text.count("\n", 0, position) + 1
            raise TextFormatError(f"unexpected {text[position]!r} in line {line}")
        position = found.end()
        if found.lastgroup != "space":
            yield found.group()
    yield ""


def _unquote(token: str) -> str:
    def replace(found: re.Match[str]) -> str:
        try:
            return _ESCAPES[found.group(1)]
        except KeyError:
            raise TextFormatError(f"unknown escape {found.group()!r}") from None

    return re.sub(r"\\(.)", replace, token[1:-1])
