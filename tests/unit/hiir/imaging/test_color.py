import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from hiir.imaging import ColorPolicy, ImageLimits, NoteCode, PhotoOptions, decode, encode
from hiir.imaging.color import SrgbConversion, srgb_profile
from tests.prophoto import GAMMA, prophoto_profile, to_xyz

# XYZ of D50 to linear sRGB, adapted by Bradford's matrix.
XYZ_TO_SRGB = np.array(
    [
        (3.1338561, -1.6168667, -0.4906146),
        (-0.9787684, 1.9161415, 0.0334540),
        (0.0719453, -0.2289914, 1.4052427),
    ]
)
SRGB = PhotoOptions(color=ColorPolicy.SRGB)


def linear_profile(space="RGB "):
    """A profile of linear light, made of an sRGB one by taking its curves for straight lines."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    for place in range(132, 132 + 12 * count, 12):
        if bytes(profile[place : place + 4]) in {b"rTRC", b"gTRC", b"bTRC"}:
            at = int.from_bytes(profile[place + 4 : place + 8], "big")
            profile[at : at + 12] = b"curv" + bytes(8)
            profile[place + 8 : place + 12] = (12).to_bytes(4, "big")
    return bytes(profile)


def srgb_curve(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_samples_are_converted_at_their_depth(dtype):
    top = np.iinfo(dtype).max
    ramp = np.linspace(0, top, 256).round().astype(dtype).reshape(16, 16, 1).repeat(3, axis=2)
    converted = SrgbConversion(profile=linear_profile())(ramp)
    assert converted.dtype == dtype
    assert np.abs(converted / top - srgb_curve(ramp / top)).max() < 0.004
    if dtype == np.uint16:
        assert len(np.unique(converted[..., 0])) == 256


def test_prophoto_becomes_srgb_as_the_formulas_say():
    gray = np.linspace(0.4, 0.7, 16)[:, np.newaxis, np.newaxis]
    colors = gray + np.random.default_rng(0).uniform(-0.06, 0.06, (16, 16, 3))
    samples = (65_535 * colors).round().astype(np.uint16)
    light = colors**GAMMA @ (XYZ_TO_SRGB @ to_xyz()).T
    assert light.min() > 0
    assert light.max() < 1
    converted = SrgbConversion(profile=prophoto_profile())(samples)
    assert np.abs(converted / 65_535 - srgb_curve(light)).max() < 0.003
    assert np.abs(converted / 65_535 - colors).max() > 0.05


def test_a_wide_gamut_is_kept_as_it_is_unless_srgb_is_asked_for(make_file, make_smooth):
    profile = linear_profile()
    data = make_file("PNG", image=Image.fromarray(make_smooth()), icc_profile=profile)
    kept = decode(data, ImageLimits())
    assert np.array_equal(kept.pixels, make_smooth())
    assert kept.info.metadata.icc_profile == profile
    assert kept.info.notes == ()
    converted = decode(data, ImageLimits(), SRGB)
    assert converted.info.metadata.icc_profile == srgb_profile()
    assert (converted.pixels[20, 20] > kept.pixels[20, 20] + 20).all()
    assert [note.code for note in converted.info.notes] == [NoteCode.COLOR_CONVERTED]
    with Image.open(io.BytesIO(encode(converted.pixels, like=converted))) as written:
        assert written.info["icc_profile"] == srgb_profile()


def test_srgb_of_a_photo_without_a_profile_is_the_photo(make_file, make_pixels):
    image = decode(make_file("PNG"), ImageLimits(), SRGB)
    assert np.array_equal(image.pixels, make_pixels())
    assert image.info.notes == ()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_profile_for_other_samples_is_not_usable(channels):
    assert SrgbConversion(profile=linear_profile()).is_usable(channels) is (channels == 3)
    assert not SrgbConversion(profile=b"no profile" * 20).is_usable(channels)


def test_a_profile_that_does_not_fit_is_left_out_and_told(make_file, make_pixels):
    gray = Image.fromarray(make_pixels(channels=1)[..., 0])
    image = decode(make_file("PNG", image=gray, icc_profile=linear_profile()), ImageLimits(), SRGB)
    assert np.array_equal(image.pixels, make_pixels(channels=1))
    assert image.info.metadata.icc_profile is None
    assert [note.code for note in image.info.notes] == [NoteCode.METADATA_DROPPED]


def test_the_srgb_profile_is_the_same_at_any_time():
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    fixed = srgb_profile()
    assert len(fixed) == len(made)
    assert int.from_bytes(fixed[24:26], "big") == 2024
    assert (fixed[:24], fixed[36:]) == (made[:24], made[36:])
