"""Color that is not in a profile is kept by an equivalent one, converted and noted, or refused."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image

from hiir.imaging import (
    ColorPolicy,
    ImageFormat,
    ImageLimits,
    NoteCode,
    PhotoOptions,
    UnsupportedPixelMode,
    decode,
    encode,
)
from hiir.imaging.color import SrgbConversion, srgb_profile
from hiir.imaging.exif_block import OWN, PREFIX, NewField, integers, joined
from hiir.imaging.matrix_profile import (
    ADOBE_RGB,
    ADOBE_TRANSFER,
    BT709,
    SRGB_TRANSFER,
    Transfer,
    matrix_profile,
)
from hiir.imaging.tiff_fields import EXIF_IFD, INTEROP_IFD, SHORT

SRGB = PhotoOptions(color=ColorPolicy.SRGB)
ADOBE_POINTS = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
P3_PROFILE_SIZE = 100


def gama(value):
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def chrm(points=ADOBE_POINTS):
    return b"cHRM", struct.pack(">8I", *(round(point * 100_000) for point in points))


def cicp(primaries, transfer, full=1):
    return b"cICP", bytes([primaries, transfer, 0, full])


@pytest.fixture
def png(make_png, make_smooth):
    def make(*chunks, depth=8, gray=False):
        samples = make_smooth(channels=1 if gray else 3).astype(np.uint16)
        if depth == 16:
            samples *= 257
        color_type = 0 if gray else 2
        return make_png_rows(make_png, samples, depth, color_type, chunks)

    return make


def make_png_rows(make_png, samples, depth, color_type, chunks):
    return make_png(samples, bit_depth=depth, color_type=color_type, before_data=chunks)


def stored(content):
    """Samples and profile of a PNG that was written."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image), image.info.get("icc_profile")


def restored(content, **options):
    image = decode(content, ImageLimits(), PhotoOptions(**options))
    written = encode(image.pixels, like=image, options=PhotoOptions(**options))
    return image, *stored(written)


def test_gamma_and_primaries_become_an_equivalent_profile(png, make_smooth):
    image, pixels, profile = restored(png(gama(256 / 563), chrm()))
    assert np.array_equal(pixels, make_smooth())
    assert image.info.notes == ()
    wanted = SrgbConversion(profile=matrix_profile(ADOBE_RGB, ADOBE_TRANSFER, gray=False))
    converted = SrgbConversion(profile=profile)(pixels)
    assert np.abs(converted.astype(int) - wanted(pixels)).max() <= 1


@pytest.mark.parametrize("target", [ImageFormat.JPEG, ImageFormat.WEBP, ImageFormat.TIFF])
def test_other_formats_get_the_profile_too(png, target):
    image = decode(png(gama(256 / 563), chrm()), ImageLimits())
    written = encode(image.pixels, like=image, options=PhotoOptions(format=target))
    assert decode(written, ImageLimits()).info.metadata.icc_profile
    assert len(decode(written, ImageLimits()).info.metadata.icc_profile) > P3_PROFILE_SIZE


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
def test_linear_samples_get_the_curve_of_srgb_which_is_noted(png, make_smooth, depth, gray):
    image = decode(png(gama(1.0), depth=depth, gray=gray), ImageLimits())
    assert [note.code for note in image.info.notes] == [NoteCode.COLOR_CONVERTED]
    light = make_smooth(channels=1 if gray else 3) / 255
    top = 2**depth - 1
    assert np.abs(image.pixels / top - SRGB_TRANSFER.from_light(light)).max() <= 0.51 / top
    profile = image.info.metadata.icc_profile
    assert profile == (matrix_profile(BT709, SRGB_TRANSFER, gray=True) if gray else srgb_profile())


def test_srgb_is_made_of_every_signal_where_it_is_asked_for(png, make_smooth):
    expected = SrgbConversion(profile=matrix_profile(ADOBE_RGB, ADOBE_TRANSFER, gray=False))
    image = decode(png(gama(256 / 563), chrm()), ImageLimits(), SRGB)
    assert np.abs(image.pixels.astype(int) - expected(make_smooth())).max() <= 1
    assert [note.code for note in image.info.notes] == [NoteCode.COLOR_CONVERTED]
    assert image.info.metadata.icc_profile == srgb_profile()
    for gray in (False, True):
        linear = decode(png(gama(1.0), gray=gray), ImageLimits(), SRGB)
        wanted = SRGB_TRANSFER.from_light(make_smooth(channels=1 if gray else 3) / 255) * 255
        assert np.abs(linear.pixels - wanted).max() < 2


def test_an_srgb_chunk_counts_more_than_gamma_and_becomes_the_srgb_profile(png, make_smooth):
    image, pixels, profile = restored(png((b"sRGB", b"\0"), gama(1.0), chrm()))
    assert np.array_equal(pixels, make_smooth())
    assert profile == srgb_profile()
    assert image.info.notes == ()


def test_a_cicp_chunk_counts_more_than_all_others(png, make_smooth, icc_profile):
    iccp = (b"iCCP", b"name\0\0" + zlib.compress(icc_profile))
    _, pixels, profile = restored(png(cicp(12, 13), iccp, (b"sRGB", b"\0")))
    assert np.array_equal(pixels, make_smooth())
    assert profile not in (icc_profile, srgb_profile())
    converted = SrgbConversion(profile=profile)(np.array([[[0, 255, 0]]], np.uint8))
    assert converted.tolist() == [[[0, 255, 0]]]  # greener than sRGB can be, and clipped to it


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_refused_and_not_shown_as_srgb(png, transfer, name):
    for depth in (8, 16):
        with pytest.raises(UnsupportedPixelMode, match="high dynamic range") as caught:
            decode(png(cicp(9, transfer), depth=depth), ImageLimits())
        assert caught.value.actual.startswith(name)


def test_narrow_range_and_unknown_curves_are_refused(png):
    for chunk in (cicp(1, 13, full=0), cicp(1, 17), cicp(10, 13)):
        with pytest.raises(UnsupportedPixelMode):
            decode(png(chunk), ImageLimits())


def test_a_profile_that_says_pq_is_refused(make_file, icc_profile):
    profile = bytearray(icc_profile)
    place = int.from_bytes(profile[132 + 4 : 132 + 8], "big")
    profile[132:136] = b"cicp"
    profile[place : place + 12] = b"cicp" + bytes(4) + bytes([9, 16, 0, 1])
    with pytest.raises(UnsupportedPixelMode, match="PQ"):
        decode(make_file("PNG", icc_profile=bytes(profile)), ImageLimits())


def test_primaries_that_are_damaged_are_left_out_and_noted(png):
    image = decode(png(chrm((0.3, 0.3) * 4)), ImageLimits())
    assert [note.code for note in image.info.notes] == [NoteCode.METADATA_DROPPED]
    assert image.info.metadata.icc_profile is None


@pytest.mark.parametrize("image_format", ["AVIF", "HEIC"])
def test_the_color_box_of_avif_and_heic_becomes_a_profile(make_file, make_smooth, image_format):
    plain = make_file(image_format, image=Image.fromarray(make_smooth()), quality=95)
    assert decode(plain, ImageLimits()).info.metadata.icc_profile is None
    wide, count = re.subn(rb"colrnclx....", b"colrnclx\0\x0c\0\x0d", plain)
    assert count
    profile = decode(wide, ImageLimits()).info.metadata.icc_profile
    assert profile is not None
    srgb = decode(wide, ImageLimits(), SRGB)
    assert [note.code for note in srgb.info.notes] == [NoteCode.COLOR_CONVERTED]
    hdr = re.sub(rb"colrnclx....", b"colrnclx\0\x09\0\x10", plain)
    with pytest.raises(UnsupportedPixelMode, match="PQ"):
        decode(hdr, ImageLimits())


def exif_of_camera(color_space, index):
    parts = {
        OWN: [NewField(tag=ExifTags.Base.Make, kind=2, count=6, data=b"Maker\0")],
        EXIF_IFD: [integers("<", ExifTags.Base.ColorSpace, SHORT, (color_space,))],
    }
    if index:
        name = index.encode() + b"\0"
        parts[INTEROP_IFD] = [NewField(tag=1, kind=2, count=4, data=name)]
    return PREFIX + joined("<", parts)


@pytest.mark.parametrize(("color_space", "index"), [(65535, "R03"), (2, None)])
def test_adobe_rgb_that_only_exif_knows_of_becomes_a_profile(
    make_file, make_smooth, color_space, index
):
    content = make_file(
        "JPEG",
        image=Image.fromarray(make_smooth()),
        exif=exif_of_camera(color_space, index),
        quality=95,
    )
    image = decode(content, ImageLimits())
    wanted = matrix_profile(ADOBE_RGB, ADOBE_TRANSFER, gray=False)
    assert image.info.metadata.icc_profile == wanted
    srgb = decode(content, ImageLimits(), SRGB)
    assert np.array_equal(srgb.pixels, SrgbConversion(profile=wanted)(image.pixels))


@pytest.mark.parametrize(("color_space", "index"), [(1, "R98"), (65535, "R98"), (65535, None)])
def test_other_cameras_get_no_profile(make_file, color_space, index):
    content = make_file("JPEG", exif=exif_of_camera(color_space, index))
    assert decode(content, ImageLimits()).info.metadata.icc_profile is None


def test_gamma_of_2_2_is_kept_as_it_is(png, make_smooth):
    image = decode(png(gama(1 / 2.2)), ImageLimits())
    assert np.array_equal(image.pixels, make_smooth())
    profile = image.info.metadata.icc_profile
    assert profile == matrix_profile(BT709, Transfer(gamma=1 / 0.45455), gray=False)
