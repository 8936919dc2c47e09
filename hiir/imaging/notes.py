"""Notes for clients: how a photo was changed in addition to its restoration."""

from dataclasses import dataclass
from enum import StrEnum


class NoteCode(StrEnum):
    """The kinds of change."""

    ALPHA_FLATTENED = "alpha-flattened"
    BIT_DEPTH_CHANGED = "bit-depth-changed"
    CHANNELS_DROPPED = "channels-dropped"
    COLOR_CONVERTED = "color-converted"
    COMPRESSION_CHANGED = "compression-changed"
    FORMAT_CHANGED = "format-changed"
    FRAME_SELECTED = "frame-selected"
    METADATA_DROPPED = "metadata-dropped"
    MODE_EXPANDED = "mode-expanded"
    NOTHING_SUGGESTED = "nothing-suggested"
    ORIENTATION_APPLIED = "orientation-applied"
    PARTS_DROPPED = "parts-dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One change."""

    code: NoteCode
    detail: str
    """One sentence."""
