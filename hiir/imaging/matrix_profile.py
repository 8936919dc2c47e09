"""Builds ICC profiles from primaries and a transfer function.

They are for files that describe their color in this way. The result is a matrix profile of
ICC.1:2010 (version 4.3), for RGB or gray. Pillow's ImageCms creates only profiles of sRGB, Lab and
XYZ.
"""

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Point = tuple[float, float]
"""Chromaticity x and y of CIE 1931."""

D65: Point = (0.3127, 0.3290)
PROFILE_DATE = struct.pack(">6H", 2024, 1, 1, 0, 0, 0)
"""Date of every profile that is built here.

It is constant, so that the same photo gives the same file.
"""
_D50_XYZ = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Primaries:
    """The chromaticities of the three channels and of white."""

    red: Point
    green: Point
    blue: Point
    white: Point = D65


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Transfer function from sample to light: `(a x + b) ** gamma` from `d` on, `c x` below it."""

    gamma: float
    a: float = 1.0
    b: float = 0.0
    c: float = 1.0
    d: float = 0.0

    def to_light(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Convert samples in [0, 1] of any shape to light in [0, 1]."""
        curved = np.maximum(self.a * values + self.b, 0) ** self.gamma
        return np.where(values >= self.d, curved, self.c * values)

    def from_light(self, light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Convert light in [0, 1] of any shape to samples in [0, 1]."""
        curved = (np.maximum(light, 0) ** (1 / self.gamma) - self.b) / self.a
        return np.where(light >= self.c * self.d, curved, light / self.c)


BT709 = Primaries(red=(0.64, 0.33), green=(0.30, 0.60), blue=(0.15, 0.06))
ADOBE_RGB = Primaries(red=(0.64, 0.33), green=(0.21, 0.71), blue=(0.15, 0.06))
# IEC 61966-2-1.
SRGB_TRANSFER = Transfer(gamma=2.4, a=1 / 1.055, b=0.055 / 1.055, c=1 / 12.92, d=0.04045)
ADOBE_TRANSFER = Transfer(gamma=563 / 256)


def matrix_profile(primaries: Primaries, transfer: Transfer, *, gray: bool) -> bytes:
    """Build a display profile.

    Raises:
        ValueError: if the primaries do not span a color space.
    """
    tags = {
        b"desc": _text("Colors as the file described them"),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": _xyz(_D50_XYZ),
    }
    if gray:
        tags[b"kTRC"] = _curve(transfer)
    else:
        columns, adaptation = _to_pcs(primaries)
        tags[b"chad"] = b"sf32" + bytes(4) + _numbers(adaptation.ravel())
        for name, column in zip((b"r", b"g", b"b"), columns.T, strict=True):
            tags[name + b"XYZ"] = _xyz(tuple(column))
            tags[name + b"TRC"] = _curve(transfer)
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    return _header(start + len(data), b"GRAY" if gray else b"RGB ") + table + data


def _to_pcs(
    primaries: Primaries,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return XYZ of the channels under D50, and the chromatic adaptation of white to D50."""
    points = (primaries.red, primaries.green, primaries.blue, primaries.white)
    if any(y <= 0 or not np.isfinite((x, y)).all() for x, y in points):
        raise ValueError("a primary has no light")
    *channels, white = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in points)
    unscaled = np.column_stack(channels)
    if abs(np.linalg.det(unscaled)) < 1e-6:
        raise ValueError("the primaries lie on a line")
    scale = np.linalg.solve(unscaled, white)
    cones = (_BRADFORD @ np.array(_D50_XYZ)) / (_BRADFORD @ white)
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD
    columns = adaptation @ (unscaled * scale)
    if not np.isfinite(columns).all() or np.abs(columns).max() > 2 or (scale <= 0).any():
        raise ValueError("white is not inside the primaries")
    return columns, adaptation


def _header(size: int, space: bytes) -> bytes:
    return (
        struct.pack(">I4sI4s4s4s", size, bytes(4), 0x04300000, b"mntr", space, b"XYZ ")
        + PROFILE_DATE
        + b"acsp"
        + bytes(4 + 4 + 4 + 4 + 8 + 4)
        + _numbers(_D50_XYZ)
        + bytes(48)
    )


def _numbers(values: npt.NDArray[np.float64] | tuple[float, ...]) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + _numbers(values)


def _curve(transfer: Transfer) -> bytes:
    if transfer.d == 0:
        return b"para" + bytes(4) + struct.pack(">HH", 0, 0) + _numbers((transfer.gamma,))
    parameters = (transfer.gamma, transfer.a, transfer.b, transfer.c, transfer.d)
    return b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _numbers(parameters)


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data
