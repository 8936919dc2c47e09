"""ProPhoto RGB (ROMM RGB, ISO 22028-2) as an ICC profile: more than eyes see, and gamma 1.8.

The chromaticities are the standard's. White is D50, the very white that profiles connect by, so
that nothing is adapted.
"""

import struct
from collections.abc import Mapping

import numpy as np

GAMMA = 1.8
_PRIMARIES = {"r": (0.7347, 0.2653), "g": (0.1596, 0.8404), "b": (0.0366, 0.0001)}
_D50 = (0.9642, 1.0, 0.8249)


def to_xyz() -> np.ndarray:
    """Matrix from linear ProPhoto RGB to XYZ of D50."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in _PRIMARIES.values()]).T
    return columns * np.linalg.solve(columns, _D50)


def prophoto_profile() -> bytes:
    """A display profile, version 4.3, of matrix and curves."""
    columns = zip(_PRIMARIES, to_xyz().T, strict=True)
    return _assemble(
        {
            b"desc": _text("ProPhoto RGB"),
            b"cprt": _text("Public domain"),
            b"wtpt": _xyz(_D50),
            **{f"{name}XYZ".encode(): _xyz(column) for name, column in columns},
            **{f"{name}TRC".encode(): _gamma(GAMMA) for name in _PRIMARIES},
        }
    )


def _assemble(tags: Mapping[bytes, bytes]) -> bytes:
    place = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, place + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(">I4xI", place + len(data), 0x04300000) + b"mntrRGB XYZ "
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp"
    head = head.ljust(68, b"\0") + _fixed(_D50)
    return head.ljust(128, b"\0") + table + data


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return struct.pack(">4s4xII4sII", b"mluc", 1, 12, b"enUS", len(encoded), 28) + encoded


def _xyz(values: tuple[float, ...] | np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _gamma(exponent: float) -> bytes:
    return struct.pack(">4s4xIH", b"curv", 1, round(exponent * 256))


def _fixed(values: tuple[float, ...] | np.ndarray) -> bytes:
    return struct.pack(">3i", *(round(float(value) * 65_536) for value in values))
