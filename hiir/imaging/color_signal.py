"""Color descriptions of a file other than an ICC profile.

cICP, sRGB, gAMA and cHRM     chunks of PNG, in the order of their precedence (PNG third edition)
nclx                          the color box of AVIF and HEIC (ISO/IEC 23091-2, H.273)
InteropIndex R03              Adobe RGB, as cameras state it in EXIF by the DCF rules

A description is converted to an equivalent profile. PQ and HLG have none, and are rejected.
"""

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from PIL.ImageFile import ImageFile

from hiir.imaging.errors import UnsupportedPixelMode
from hiir.imaging.exif_block import PREFIX
from hiir.imaging.formats import ImageFormat
from hiir.imaging.matrix_profile import (
    ADOBE_RGB,
    ADOBE_TRANSFER,
    BT709,
    SRGB_TRANSFER,
    Primaries,
    Transfer,
)
from hiir.imaging.nclx import read_nclx
from hiir.imaging.png_chunks import read_chunks
from hiir.imaging.tiff_fields import EXIF_IFD, INTEROP_IFD, TiffReader

_HDR = {16: "PQ (SMPTE ST 2084)", 18: "HLG (ARIB STD-B67)"}
_UNSPECIFIED = 2
_BT470_SYSTEM_C = (0.310, 0.316)
_SMPTE_170M = Primaries(red=(0.630, 0.340), green=(0.310, 0.595), blue=(0.155, 0.070))
# H.273, table 2.
_PRIMARIES: Mapping[int, Primaries] = {
    1: BT709,
    _UNSPECIFIED: BT709,
    4: Primaries(red=(0.67, 0.33), green=(0.21, 0.71), blue=(0.14, 0.08), white=_BT470_SYSTEM_C),
    5: Primaries(red=(0.64, 0.33), green=(0.29, 0.60), blue=(0.15, 0.06)),
    6: _SMPTE_170M,
    7: _SMPTE_170M,
    8: Primaries(
        red=(0.681, 0.319), green=(0.243, 0.692), blue=(0.145, 0.049), white=_BT470_SYSTEM_C
    ),
    9: Primaries(red=(0.708, 0.292), green=(0.170, 0.797), blue=(0.131, 0.046)),
    11: Primaries(
        red=(0.680, 0.320), green=(0.265, 0.690), blue=(0.150, 0.060), white=(0.314, 0.351)
    ),
    12: Primaries(red=(0.680, 0.320), green=(0.265, 0.690), blue=(0.150, 0.060)),
    22: Primaries(red=(0.630, 0.340), green=(0.295, 0.605), blue=(0.155, 0.077)),
}
# H.273, table 3. The curves of video cameras are treated as that of sRGB, as browsers do.
_TRANSFERS: Mapping[int, Transfer] = {
    **dict.fromkeys((1, _UNSPECIFIED, 6, 13, 14, 15), SRGB_TRANSFER),
    4: Transfer(gamma=2.2),
    5: Transfer(gamma=2.8),
    8: Transfer(gamma=1.0),
}
_ADOBE_BY_EXIF = 2  # a value of ColorSpace that some cameras write instead of an InteropIndex
_COLOR_SPACE, _INTEROP_INDEX = 40961, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorSignal:
    """The color description of a file."""

    primaries: Primaries
    transfer: Transfer
    source: str
    """Where the file states it, in words: "gAMA and cHRM"."""
    is_explicit: bool = True
    """Whether the color space was chosen deliberately: encoders of AVIF and HEIC always write one.
    """
    precedes_profile: bool = False
    """Whether it takes precedence over a profile in the same file."""

    @property
    def is_srgb(self) -> bool:
        """Whether it describes sRGB, which is also the default if there is no description."""
        return self.primaries == BT709 and self.transfer == SRGB_TRANSFER


def read_color_signal(
    image: ImageFile, stream: BinaryIO, image_format: ImageFormat
) -> ColorSignal | None:
    """Read the color description of an opened file; returns None if it has none.

    Raises:
        UnsupportedPixelMode: for PQ, HLG and other curves that no profile describes.
    """
    check_profile(image.info.get("icc_profile"))
    signal = None
    if image_format is ImageFormat.PNG:
        signal = _read_png(image, stream)
    elif image_format in {ImageFormat.AVIF, ImageFormat.HEIC}:
        nclx = read_nclx(stream)
        if nclx is not None:
            signal = _of_codes(nclx.primaries, nclx.transfer, source="nclx")
    if signal is not None and not signal.is_srgb:
        return signal
    return _read_exif(image) or signal


def check_profile(profile: object) -> None:
    """Check the cicp tag of a profile.

    Raises:
        UnsupportedPixelMode: if it states PQ or HLG.
    """
    if not isinstance(profile, bytes) or len(profile) < 132:
        return
    (count,) = struct.unpack_from(">I", profile, 128)
    for place in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        name, offset, size = struct.unpack_from(">4sII", profile, place)
        if name == b"cicp" and size >= 12 and offset + 12 <= len(profile):
            _check_transfer(profile[offset + 9], source="cicp tag of the color profile")


def _read_png(image: ImageFile, stream: BinaryIO) -> ColorSignal | None:
    info = image.info
    for chunk in read_chunks(stream):
        if chunk.kind == b"IDAT":
            break
        if chunk.kind == b"cICP" and chunk.is_valid and len(chunk.data) == 4:
            if not chunk.data[3]:
                raise UnsupportedPixelMode(
                    "The image's samples are of narrow range (cICP); only full range is supported.",
                    limit="full range",
                    actual="narrow range",
                )
            return _of_codes(chunk.data[0], chunk.data[1], source="cICP")
    if "icc_profile" in info:
        return None
    if "srgb" in info:
        return ColorSignal(primaries=BT709, transfer=SRGB_TRANSFER, source="sRGB")
    gamma, points = info.get("gamma"), info.get("chromaticity")
    if not gamma and not points:
        return None
    transfer = Transfer(gamma=1 / gamma) if gamma else SRGB_TRANSFER
    named = [name for name, value in (("gAMA", gamma), ("cHRM", points)) if value]
    primaries = BT709
    if points:
        white, red, green, blue = zip(points[::2], points[1::2], strict=True)
        primaries = Primaries(red=red, green=green, blue=blue, white=white)
    return ColorSignal(primaries=primaries, transfer=transfer, source=" and ".join(named))


def _of_codes(primaries: int, transfer: int, *, source: str) -> ColorSignal:
    _check_transfer(transfer, source=source)
    if transfer not in _TRANSFERS or primaries not in _PRIMARIES:
        raise UnsupportedPixelMode(
            f"The image's color description ({source}) is not supported.",
            limit=f"primaries {', '.join(map(str, _PRIMARIES))}; "
            f"transfer functions {', '.join(map(str, _TRANSFERS))}",
            actual=f"primaries {primaries}, transfer function {transfer}",
        )
    return ColorSignal(
        primaries=_PRIMARIES[primaries],
        transfer=_TRANSFERS[transfer],
        source=source,
        is_explicit=source == "cICP",
        precedes_profile=source == "cICP",
    )


def _check_transfer(code: int, *, source: str) -> None:
    if code in _HDR:
        raise UnsupportedPixelMode(
            f"The image is in high dynamic range, {_HDR[code]} by its {source}; convert it to "
            "standard dynamic range first.",
            limit="standard dynamic range",
            actual=_HDR[code],
        )


def _read_exif(image: ImageFile) -> ColorSignal | None:
    exif = image.info.get("exif")
    if not isinstance(exif, bytes):
        return None
    try:
        reader = TiffReader(io.BytesIO(exif.removeprefix(PREFIX)))
        first = reader.directory(reader.first).fields
        photo = reader.directory(reader.number(first, EXIF_IFD)).fields
        color_space = reader.number(photo, _COLOR_SPACE)
        is_adobe = color_space == _ADOBE_BY_EXIF
        if not is_adobe and color_space != 1 and INTEROP_IFD in photo:
            interop = reader.directory(reader.number(photo, INTEROP_IFD)).fields
            index = interop.get(_INTEROP_INDEX)
            is_adobe = index is not None and reader.data(index).rstrip(b"\0 ") == b"R03"
    except (EOFError, struct.error):
        return None
    if not is_adobe:
        return None
    return ColorSignal(primaries=ADOBE_RGB, transfer=ADOBE_TRANSFER, source="EXIF (Adobe RGB)")
