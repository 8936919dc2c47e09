"""Options of the output file."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Self

from hiir.imaging.formats import ImageFormat
from hiir.imaging.region import Region

Color = tuple[int, int, int]


class MetadataPolicy(StrEnum):
    """The metadata that is written to the restored file.

    The color profile defines the meaning of the pixels; all policies keep it.
    """

    KEEP = "keep"
    KEEP_NO_GPS = "keep-no-gps"
    STRIP = "strip"


class ColorPolicy(StrEnum):
    """The color space of the restored file."""

    PRESERVE = "preserve"
    SRGB = "srgb"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoOptions:
    """Options for one photo; the defaults change as little as possible."""

    format: ImageFormat | None = None
    """Output format; None for the format of the input."""
    quality: int | None = None
    """1 to 100, for JPEG, WebP, AVIF and HEIC; None for the default."""
    lossless: bool = False
    """Write WebP without loss, even if the input was lossy; PNG, TIFF and BMP are always lossless.
    """
    bit_depth: int | None = None
    """8 or 16 bits per sample; None for that of the input, if the format supports it."""
    metadata: MetadataPolicy = MetadataPolicy.KEEP
    color: ColorPolicy = ColorPolicy.PRESERVE
    background: Color | None = None
    """8-bit red, green and blue that replace transparency; None to keep it."""
    frame: int | None = None
    """Index of the frame or page to restore, counted from 0, for a file that has several."""
    strength: int = 100
    """0 to 100: the share of the restoration, in percent; the rest is the original photo."""
    region: Region | None = None
    """The part of the upright photo to restore and write; None for the whole photo."""

    def to_json(self) -> dict[str, Any]:
        """Return the values that differ from the defaults, for JSON."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        chosen = {name: values[name] for name in values if values[name] != _DEFAULTS[name]}
        return {name: _to_json(value) for name, value in chosen.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Parse the output of `to_json`."""
        readers: dict[str, Callable[[Any], Any]] = {
            "format": ImageFormat,
            "metadata": MetadataPolicy,
            "color": ColorPolicy,
            "background": tuple,
            "region": lambda sides: Region(**sides),
        }
        return cls(**{name: readers.get(name, lambda v: v)(v) for name, v in values.items()})


def _to_json(value: Any) -> Any:
    if isinstance(value, Region):
        return asdict(value)
    return list(value) if isinstance(value, tuple) else value


_DEFAULTS = {item.name: item.default for item in fields(PhotoOptions)}
