"""Image files in the blob store."""

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Bytes in the blob store."""

    id: str
    size: int
    sha256: str
    """Lowercase hex digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """An image file in the blob store: an upload or a result."""

    blob: Blob
    format: str
    media_type: str
    extension: str
    """Filename extension, with its dot."""
    width: int
    height: int
    right_from: int | None = None
    """Offset of a second file in the blob: the right view of a dual-pixel sensor."""

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    def to_json(self) -> str:
        """Serialize to one JSON object."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse what `to_json` wrote."""
        values = json.loads(text)
        return cls(**{**values, "blob": Blob(**values["blob"])})
