"""The color box `nclx` of AVIF and HEIC (ISO/IEC 14496-12; codes of ISO/IEC 23091-2, H.273)."""

import re
from dataclasses import dataclass
from typing import BinaryIO

_BOX = re.compile(rb"colrnclx(..)(..)(..)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nclx:
    """Codes of the color description."""

    primaries: int
    transfer: int
    matrix: int
    """Matrix coefficients; 0 is the identity, which means that RGB is coded directly."""


def read_nclx(stream: BinaryIO) -> Nclx | None:
    """Read the first color box of a file; returns None if there is none."""
    stream.seek(0)
    found = _BOX.search(stream.read())
    if found is None:
        return None
    primaries, transfer, matrix = (int.from_bytes(code, "big") for code in found.groups())
    return Nclx(primaries=primaries, transfer=transfer, matrix=matrix)
