"""What a client may choose about the file that it gets back."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self

from hiir.imaging.formats import ImageFormat

Color = tuple[int, int, int]


class MetadataPolicy(StrEnum):
    """What of the metadata is written into the restored file.

    The color profile says what the pixels mean, and is kept by all of them.
    """

    KEEP = "keep"
    KEEP_NO_GPS = "keep-no-gps"
    STRIP = "strip"


class ColorPolicy(StrEnum):
    """In which encoding of color the restored file is."""

    PRESERVE = "preserve"
    SRGB = "srgb"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoOptions:
    """Wishes for one photo; the defaults change as little as can be."""

    format: ImageFormat | None = None
    """None is the format that was sent."""
    quality: int | None = None
    """1 to 100, for JPEG, WebP, AVIF and HEIC."""
    lossless: bool = False
    """Write WebP without loss, also if it came with loss; PNG, TIFF and BMP always are."""
    bit_depth: int | None = None
    """8 or 16 bits per sample; None is as sent, where the format can hold it."""
    metadata: MetadataPolicy = MetadataPolicy.KEEP
    color: ColorPolicy = ColorPolicy.PRESERVE
    background: Color | None = None
    """What shows through transparency, which is then gone: 8-bit red, green, blue."""
    frame: int | None = None
    """Which frame or page of a file that has several, counted from 0."""

    def to_json(self) -> dict[str, Any]:
        """What differs from the defaults, as JSON values."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        chosen = {name: values[name] for name in values if values[name] != _DEFAULTS[name]}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in chosen.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` made."""
        readers = {
            "format": ImageFormat,
            "metadata": MetadataPolicy,
            "color": ColorPolicy,
            "background": tuple,
        }
        return cls(**{name: readers.get(name, lambda v: v)(v) for name, v in values.items()})


_DEFAULTS = {item.name: item.default for item in fields(PhotoOptions)}
