"""Color conversion through profiles, at the depth of the samples: lcms by way of libvips."""

import io
from dataclasses import dataclass
from functools import cache
from typing import cast

import numpy as np
from PIL import ImageCms

from hiir.imaging.libvips import libvips
from hiir.imaging.modes import Layout
from hiir.imaging.notes import Note, NoteCode
from hiir.imaging.options import ColorPolicy
from hiir.imaging.pixels import Pixels

_INTERPRETATIONS = {
    (1, 8): "b-w",
    (3, 8): "srgb",
    (4, 8): "cmyk",
    (1, 16): "grey16",
    (3, 16): "rgb16",
    (4, 16): "cmyk",
}
_SPACES = {1: "GRAY", 3: "RGB ", 4: "CMYK"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SrgbConversion:
    """From the encoding that a profile describes to sRGB."""

    profile: bytes | None
    """None is a common one for the inks of print, since CMYK has no meaning by itself."""

    def __call__(self, samples: Pixels) -> Pixels:
        """Convert `(H, W, n)` gray, RGB or CMYK; gray stays gray, inks become RGB."""
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
        """Whether it converts samples of so many channels; libvips would take another profile."""
        if self.profile is None:
            return channels == 4
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(self.profile)).profile
        except (OSError, ValueError, ImageCms.PyCMSError):
            return False
        return str(profile.xcolor_space) == _SPACES[channels]


@cache
def srgb_profile() -> bytes:
    """The profile that says sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorPlan:
    """What becomes of a photo's colors and of its profile."""

    conversion: SrgbConversion | None = None
    profile: bytes | None = None
    notes: tuple[Note, ...] = ()


def plan_color(layout: Layout, profile: bytes | None, policy: ColorPolicy) -> ColorPlan:
    """Convert inks always, and the rest where it is asked for and has a profile to convert from."""
    if layout.is_cmyk:
        usable = profile is not None and SrgbConversion(profile=profile).is_usable(4)
        by = "its profile" if usable else "a common profile, since it has none that fits"
        return ColorPlan(
            conversion=SrgbConversion(profile=profile if usable else None),
            profile=srgb_profile(),
            notes=(Note(code=NoteCode.COLOR_CONVERTED, detail=f"CMYK became sRGB by {by}."),),
        )
    if policy is ColorPolicy.PRESERVE or profile is None:
        return ColorPlan(profile=profile)
    conversion = SrgbConversion(profile=profile)
    if not conversion.is_usable(layout.channels):
        detail = "The color profile does not describe these pixels, and was left out."
        return ColorPlan(notes=(Note(code=NoteCode.METADATA_DROPPED, detail=detail),))
    detail = "The colors were converted to sRGB by the photo's profile."
    return ColorPlan(
        conversion=conversion,
        profile=srgb_profile() if layout.channels == 3 else None,
        notes=(Note(code=NoteCode.COLOR_CONVERTED, detail=detail),),
    )
