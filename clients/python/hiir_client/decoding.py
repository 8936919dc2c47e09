"""Converts JSON to dataclasses, by the types of their fields."""

import functools
import types
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


class DecodingError(Exception):
    """The JSON lacks a field or has a value of another type."""


def decode(kind: type[T], value: Any) -> T:
    """Build the dataclass `kind` from parsed JSON.

    Raises:
        DecodingError: if a field is missing, or has another type.
    """
    return cast("T", _decode(kind, value, kind.__name__))


def _decode(kind: Any, value: Any, where: str) -> Any:
    if hasattr(kind, "__dataclass_fields__"):
        return _decode_object(kind, value, where)
    decoder: Callable[[Any, Any, str], Any] = _DECODERS.get(get_origin(kind) or kind, _expect)
    return decoder(kind, value, where)


def _decode_object(kind: type, value: Any, where: str) -> Any:
    content = _expect(dict, value, where)
    hints = _hints(kind)
    if missing := hints.keys() - content.keys():
        raise DecodingError(f"{where} lacks {', '.join(sorted(missing))}.")
    return kind(
        **{name: _decode(hint, content[name], f"{where}.{name}") for name, hint in hints.items()}
    )


def _decode_union(union: Any, value: Any, where: str) -> Any:
    """Decode `X | None`, or `int | str | None`, the only unions that occur."""
    if value is None:
        return None
    wanted = [kind for kind in get_args(union) if kind is not type(None)]
    if len(wanted) == 1:
        return _decode(wanted[0], value, where)
    if isinstance(value, tuple(wanted)):
        return value
    raise DecodingError(f"{where} has the wrong type: {value!r:.100}")


def _decode_tuple(kind: Any, value: Any, where: str) -> Any:
    return tuple(_decode(get_args(kind)[0], item, where) for item in _expect(list, value, where))


def _decode_mapping(kind: Any, value: Any, where: str) -> Any:
    members = _expect(dict, value, where).items()
    return {name: _decode(get_args(kind)[1], item, where) for name, item in members}


def _decode_literal(_: Any, value: Any, where: str) -> Any:
    return _expect(str, value, where)  # a newer service may have additional values


def _decode_date(_: Any, value: Any, where: str) -> Any:
    text = _expect(str, value, where)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise DecodingError(f"{where} is not a date: {text!r:.100}") from error


def _decode_float(_: Any, value: Any, where: str) -> Any:
    return float(_expect(int if isinstance(value, int) else float, value, where))


def _keep(_: Any, value: Any, __: str) -> Any:
    return value


def _expect(kind: type, value: Any, where: str) -> Any:
    # JSON's true would count as an int.
    if isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
        return value
    raise DecodingError(f"{where} must be {kind.__name__}, not {value!r:.100}")


_DECODERS: Mapping[Any, Callable[[Any, Any, str], Any]] = {
    types.UnionType: _decode_union,
    tuple: _decode_tuple,
    Mapping: _decode_mapping,
    Literal: _decode_literal,
    datetime: _decode_date,
    float: _decode_float,
    Any: _keep,
}


@functools.cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)
