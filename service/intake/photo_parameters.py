"""Parses the options for the result: parameters to `PhotoOptions`, and `Accept` to formats."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from hiir.imaging import (
    ColorPolicy,
    ImageFormat,
    MetadataPolicy,
    PhotoOptions,
    Region,
    writable_formats,
)
from service.errors import InvalidParameterError, NotAcceptableError

_BACKGROUND = re.compile(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_WHOLE = re.compile(r"[0-9]{1,6}")
_QUALITY = re.compile(r"q\s*=\s*([01](?:\.\d{0,3})?)")
_AS_SENT, _PRESERVE = "same", "preserve"


def _choice(*values: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in values:
            known = ", ".join(values)
            raise InvalidParameterError(
                f"{name} must be one of {known}.", limit=known, actual=text[:100]
            )
        return text

    return read


def _format(name: str, text: str) -> ImageFormat | None:
    known = [item.value for item in writable_formats()]
    chosen = _choice(_AS_SENT, *known)(name, text)
    return None if chosen == _AS_SENT else ImageFormat(chosen)


def _number(lowest: int, highest: int) -> Callable[[str, str], int]:
    def read(name: str, text: str) -> int:
        if not _WHOLE.fullmatch(text) or not lowest <= int(text) <= highest:
            limit = f"{lowest} to {highest}"
            raise InvalidParameterError(
                f"{name} must be an integer from {limit}.", limit=limit, actual=text[:100]
            )
        return int(text)

    return read


def _background(name: str, text: str) -> tuple[int, ...]:
    found = _BACKGROUND.fullmatch(text)
    if found is None:
        raise InvalidParameterError(
            f"{name} must be a color such as #ffffff.", limit="#RRGGBB", actual=text[:100]
        )
    return tuple(int(level, 16) for level in found.groups())


def _region(name: str, text: str) -> Region:
    try:
        return Region.parse(text)
    except ValueError as error:
        raise InvalidParameterError(
            f"{name} must be x,y,width,height in whole pixels of the upright photo, such as "
            "1200,800,256,256.",
            limit="x,y,width,height",
            actual=text[:100],
        ) from error


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "background": _background,
    "bit_depth": lambda name, text: {"8": 8, "16": 16}.get(
        _choice(_PRESERVE, "8", "16")(name, text)
    ),
    "color": lambda name, text: ColorPolicy(_choice(*ColorPolicy)(name, text)),
    "format": _format,
    "frame": _number(0, 999_999),
    "lossless": lambda name, text: _choice("true", "false")(name, text) == "true",
    "metadata": lambda name, text: MetadataPolicy(_choice(*MetadataPolicy)(name, text)),
    "quality": _number(1, 100),
    "region": _region,
    "strength": _number(0, 100),
}

PHOTO_PARAMETERS = tuple(_READERS)
"""Names of the parameters."""


def read_photo_options(given: Mapping[str, str]) -> PhotoOptions:
    """Parse the options among a request's parameters.

    Raises:
        InvalidParameterError: if a value is invalid.
    """
    return PhotoOptions(
        **{name: read(name, given[name]) for name, read in _READERS.items() if name in given}
    )


def negotiate_formats(accept: str, chosen: ImageFormat | None = None) -> tuple[ImageFormat, ...]:
    """Return the formats that `Accept` lists, best first; empty if it accepts any.

    Raises:
        NotAcceptableError: if it accepts only images in formats that cannot be written, or does not
            accept `chosen`.
    """
    wishes = _read_accept(accept)
    images = {kind: quality for kind, quality in wishes.items() if kind.startswith("image/")}
    if not images or any(wishes.get(kind) for kind in ("*/*", "image/*")):
        return ()
    written = {item.media_type: item for item in writable_formats()}
    liked = sorted((kind for kind in images if images[kind]), key=lambda kind: -images[kind])
    formats = tuple(written[kind] for kind in liked if kind in written)
    if (chosen in formats) if chosen else formats:
        return formats
    if wishes.get("application/json") or wishes.get("application/*"):
        return ()
    known = ", ".join(written)
    raise NotAcceptableError(
        "The result is not available in any accepted media type.", limit=known, actual=accept[:200]
    )


def accepts(accept: str, media_type: str) -> bool:
    """Return whether `Accept` allows this media type."""
    wishes = _read_accept(accept)
    kinds = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return not wishes or any(wishes[kind] > 0 for kind in kinds if kind in wishes)


def _read_accept(accept: str) -> dict[str, float]:
    wishes = {}
    for item in accept.lower().split(","):
        kind, _, parameters = (part.strip() for part in item.partition(";"))
        found = _QUALITY.search(parameters)
        if kind:
            wishes[kind] = float(found[1]) if found else 1.0
    return wishes
