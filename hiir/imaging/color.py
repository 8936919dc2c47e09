"""Color conversion at the depth of the samples: ICC profiles, applied by lcms through libvips."""

import io
from dataclasses import dataclass
from functools import cache
from typing import cast

import numpy as np
from PIL import ImageCms

from hiir.imaging.color_signal import ColorSignal
from hiir.imaging.libvips import libvips
from hiir.imaging.matrix_profile import (
    BT709,
    PROFILE_DATE,
    SRGB_TRANSFER,
    Primaries,
    Transfer,
    matrix_profile,
)
from hiir.imaging.modes import Layout
from hiir.imaging.notes import Note, NoteCode
from hiir.imaging.options import ColorPolicy
from hiir.imaging.pixels import Pixels, from_unit, white

_INTERPRETATIONS = {
    (1, 8): "b-w",
    (3, 8): "srgb",
    (4, 8): "cmyk",
    (1, 16): "grey16",
    (3, 16): "rgb16",
    (4, 16): "cmyk",
}
# Between these exponents, the values look like those of sRGB to a network.
_GAMMAS_LIKE_SRGB = (1.6, 2.9)
_DATE = slice(24, 36)  # position in the header of a profile
_SPACES = {1: "GRAY", 3: "RGB ", 4: "CMYK"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SrgbConversion:
    """Conversion to sRGB from the color space that a profile describes."""

    profile: bytes | None
    """ICC profile; None for a common profile of printing inks.

    CMYK values have no defined color without a profile.
    """

    def __call__(self, samples: Pixels) -> Pixels:
        """Convert `(H, W, n)` gray, RGB or CMYK samples; gray stays gray, CMYK becomes RGB."""
        pyvips = libvips()

        height, width, count = samples.shape
        depth = 8 * samples.dtype.itemsize
        image = pyvips.Image.new_from_memory(
            np.ascontiguousarray(samples).data,
            *(width, height, count, "uchar" if depth == 8 else "ushort"),
        ).copy(interpretation=_INTERPRETATIONS[count, depth])
        options = {"intent": "relative", "black_point_compensation": True, "depth": depth}
        if self.profile is None:
            options["input_profile"] = "cmyk"
        else:
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", self.profile)
            options["embedded"] = True
        try:
            converted = image.icc_transform("srgb", **options).numpy()
        except pyvips.Error as error:
            raise OSError("the color profile cannot convert the samples") from error
        return cast("Pixels", converted.reshape(height, width, -1)[..., : min(count, 3)])

    def is_usable(self, channels: int) -> bool:
        """Return whether the profile supports this number of channels.

        If it does not, libvips would use another profile.
        """
        if self.profile is None:
            return channels == 4
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(self.profile)).profile
        except (OSError, ValueError, ImageCms.PyCMSError):
            return False
        return str(profile.xcolor_space) == _SPACES[channels]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferConversion:
    """Conversion from another transfer function to that of sRGB, at the depth of the samples."""

    transfer: Transfer

    def __call__(self, samples: Pixels) -> Pixels:
        """Convert uint8 or uint16 samples of any shape."""
        levels = np.arange(white(samples.dtype) + 1) / white(samples.dtype)
        curved = SRGB_TRANSFER.from_light(self.transfer.to_light(levels))
        table = from_unit(curved.astype(np.float32), samples.dtype)
        return table[samples]


@cache
def srgb_profile() -> bytes:
    """Return an sRGB profile with constant bytes, although lcms writes the current time into it."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[_DATE] = PROFILE_DATE
    return bytes(made)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorPlan:
    """The planned conversion of a photo's colors, and its resulting profile."""

    conversion: SrgbConversion | TransferConversion | None = None
    profile: bytes | None = None
    notes: tuple[Note, ...] = ()


def plan_color(
    layout: Layout, profile: bytes | None, policy: ColorPolicy, signal: ColorSignal | None = None
) -> ColorPlan:
    """Plan the conversion: always for CMYK, otherwise if requested and if there is a profile.

    A color description other than a profile is converted to an equivalent profile. Samples whose
    transfer function differs strongly from that of sRGB, such as linear ones, are converted to it,
    because networks are trained on such values.
    """
    if layout.is_cmyk:
        usable = profile is not None and SrgbConversion(profile=profile).is_usable(4)
        by = "its profile" if usable else "a common profile, since it has none that fits"
        return ColorPlan(
            conversion=SrgbConversion(profile=profile if usable else None),
            profile=srgb_profile(),
            notes=(Note(code=NoteCode.COLOR_CONVERTED, detail=f"CMYK became sRGB by {by}."),),
        )
    if signal is not None and (profile is None or signal.precedes_profile):
        return _plan_signal(layout, signal, policy)
    if policy is ColorPolicy.PRESERVE or profile is None:
        return ColorPlan(profile=profile)
    conversion = SrgbConversion(profile=profile)
    if not conversion.is_usable(layout.channels):
        detail = "The color profile does not describe these pixels, and was left out."
        return ColorPlan(notes=(Note(code=NoteCode.METADATA_DROPPED, detail=detail),))
    return _to_srgb(layout, conversion, "the photo's profile")


def _plan_signal(layout: Layout, signal: ColorSignal, policy: ColorPolicy) -> ColorPlan:
    gray = layout.channels == 1
    if signal.is_srgb:
        return ColorPlan(profile=_plain_profile(BT709, gray=gray) if signal.is_explicit else None)
    try:
        profile = matrix_profile(signal.primaries, signal.transfer, gray=gray)
        plain = _plain_profile(signal.primaries, gray=gray)
    except ValueError:
        detail = f"What the file says of its colors ({signal.source}) is damaged; it was left out."
        return ColorPlan(notes=(Note(code=NoteCode.METADATA_DROPPED, detail=detail),))
    if policy is ColorPolicy.SRGB:
        # lcms loses dark levels of linear gray, and gray only needs a curve.
        curve, matrix = (
            TransferConversion(transfer=signal.transfer),
            SrgbConversion(profile=profile),
        )
        return _to_srgb(layout, curve if gray else matrix, signal.source)
    lowest, highest = _GAMMAS_LIKE_SRGB
    if lowest <= signal.transfer.gamma <= highest:
        return ColorPlan(profile=profile)
    detail = (
        f"The samples had another transfer function, gamma {signal.transfer.gamma:.3g} by "
        f"{signal.source}, and were converted to that of sRGB; their primaries stayed."
    )
    return ColorPlan(
        conversion=TransferConversion(transfer=signal.transfer),
        profile=plain,
        notes=(Note(code=NoteCode.COLOR_CONVERTED, detail=detail),),
    )


def _plain_profile(primaries: Primaries, *, gray: bool) -> bytes:
    if primaries == BT709 and not gray:
        return srgb_profile()
    return matrix_profile(primaries, SRGB_TRANSFER, gray=gray)


def _to_srgb(
    layout: Layout, conversion: SrgbConversion | TransferConversion, source: str
) -> ColorPlan:
    detail = f"The colors were converted to sRGB by {source}."
    return ColorPlan(
        conversion=conversion,
        profile=srgb_profile() if layout.channels == 3 else None,
        notes=(Note(code=NoteCode.COLOR_CONVERTED, detail=detail),),
    )
