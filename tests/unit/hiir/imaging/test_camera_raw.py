"""Camera raw files become the mosaics that they hold."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from hiir.imaging import (
    BayerPattern,
    ImageCorrupt,
    ImageLimits,
    ImageTooLarge,
    ImageTooSmall,
    MetadataPolicy,
    NoteCode,
    UnsupportedImageFormat,
    UnsupportedPixelMode,
)
from hiir.imaging.camera_raw import Development, read_camera_raw
from hiir.imaging.color import srgb_profile
from hiir.imaging.exif_block import PREFIX, NewField, _append, integers, with_fields
from hiir.imaging.tiff_fields import EXIF_IFD, GPS_IFD, TiffReader
from tests.camera_raw import BLACK, WHITE, curve, dng

SRGB_OF_LIGHT = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]


def sensor(height=48, width=64, seed=0):
    return np.random.default_rng(seed).integers(BLACK, WHITE, (height, width), np.uint16)


def read(file, **limits):
    return read_camera_raw(file, ImageLimits(**limits))


@pytest.mark.parametrize("pattern", BayerPattern)
def test_pattern_and_black_level_are_the_files_own(pattern):
    values = sensor()
    raw = read(dng(values, pattern=pattern.value))
    assert (raw.pattern, raw.samples.shape, raw.samples.dtype) == (pattern, (48, 64, 1), np.uint16)
    light = (values.astype(np.float64) - BLACK) / (WHITE - BLACK)
    np.testing.assert_allclose(raw.samples[..., 0] / 65535, curve(light), atol=2 / 65535)


def test_white_balance_makes_gray_of_what_the_camera_saw_as_gray():
    neutral = (0.5, 1.0, 0.8)
    values = np.empty((48, 64), np.uint16)
    for place, color in enumerate("rggb"):
        row, column = divmod(place, 2)
        level = 0.3 * neutral["rgb".index(color)] * (WHITE - BLACK) + BLACK
        values[row::2, column::2] = round(level)
    gray = read(dng(values, neutral=neutral)).samples
    assert np.ptp(gray.astype(int)) < 65535 * 0.002
    assert gray.mean() / 65535 == pytest.approx(curve(0.3), abs=0.002)


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
@pytest.mark.parametrize("size", [(48, 64), (49, 64), (48, 65), (49, 65)])
def test_mosaic_is_turned_upright_with_its_pattern(orientation, turns, size):
    values = sensor(*size)
    plain = read(dng(values, pattern="grbg"))
    turned = read(dng(values, pattern="grbg", orientation=orientation))
    np.testing.assert_array_equal(turned.samples, np.rot90(plain.samples, turns))
    # The color of each pixel has turned with it.
    letters = np.tile(np.array([["g", "r"], ["b", "g"]]), (25, 33))[: size[0], : size[1]]
    assert "".join(np.rot90(letters, turns)[:2, :2].flat) == turned.pattern.value


def test_development_leaves_alone_a_sensor_that_sees_as_srgb():
    raw = read(dng(sensor()))
    np.testing.assert_allclose(raw.development.matrix, SRGB_OF_LIGHT, atol=0.002)
    pixels = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), np.uint16)
    unchanged = Development(matrix=((1, 0, 0), (0, 1, 0), (0, 0, 1))).apply(pixels)
    assert np.abs(unchanged.astype(int) - pixels).max() <= 1


def test_development_keeps_gray_gray_and_mixes_light_and_not_levels():
    mixing = Development(matrix=((1.5, -0.5, 0.0), (0.0, 1.0, 0.0), (0.0, -0.25, 1.25)))
    gray = np.repeat(np.arange(0, 65536, 255, np.uint16)[np.newaxis, :, np.newaxis], 3, axis=2)
    assert np.abs(mixing.apply(gray).astype(int) - gray).max() <= 1
    color = (65535 * curve(np.array([[[0.4, 0.2, 0.3]]]))).round().astype(np.uint16)
    wanted = 65535 * curve(np.array([0.5, 0.2, 0.325]))
    np.testing.assert_allclose(mixing.apply(color)[0, 0], wanted, atol=3)


def test_more_pixels_than_allowed_are_refused_with_their_number():
    with pytest.raises(ImageTooLarge) as caught:
        read(dng(sensor()), max_pixels=1000, min_side=2)
    assert (caught.value.limit, caught.value.actual) == (1000, 48 * 64)


@pytest.mark.parametrize("content", [b"", b"no image", b"II*\0" + bytes(200)])
def test_what_is_no_camera_raw_file_is_refused(content):
    with pytest.raises(UnsupportedImageFormat):
        read(io.BytesIO(content))


def test_file_without_its_end_is_no_photo():
    whole = dng(sensor()).getvalue()
    with pytest.raises((ImageCorrupt, UnsupportedImageFormat)):
        read(io.BytesIO(whole[: len(whole) // 2]))


def test_sensor_of_other_colors_is_refused():
    with pytest.raises((UnsupportedPixelMode, UnsupportedImageFormat)):
        read(dng(sensor(), pattern="rgbg"))


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("origin", [(0, 0), (3, 0), (2, 5), (7, 1)])
def test_the_default_crop_of_a_dng_is_applied_with_its_pattern(preview, origin):
    values = sensor(64, 80)
    whole = read(dng(values, pattern="grbg"))
    left, top = origin
    raw = read(dng(values, pattern="grbg", crop=(left, top, 64, 48), preview=preview))
    np.testing.assert_array_equal(raw.samples, whole.samples[top : top + 48, left : left + 64])
    letters = np.tile(np.array([["g", "r"], ["b", "g"]]), (8, 8))
    assert raw.pattern.value == "".join(letters[top : top + 2, left : left + 2].flat)


def test_the_default_crop_counts_from_the_active_area():
    values = sensor(64, 80)
    whole = read(dng(values))
    raw = read(dng(values, active_area=(4, 6, 64, 80), crop=(2, 2, 60, 48)))
    np.testing.assert_array_equal(raw.samples, whole.samples[6:54, 8:68])


def test_a_default_crop_beyond_the_sensor_is_ignored():
    assert read(dng(sensor(), crop=(10, 10, 640, 480))).samples.shape == (48, 64, 1)


@pytest.mark.parametrize("preview", [False, True])
def test_the_result_has_the_srgb_profile_and_what_the_camera_says(preview):
    metadata = read(dng(sensor(), preview=preview)).info.metadata
    assert metadata.icc_profile == srgb_profile()
    exif = Image.Exif()
    exif.load(metadata.exif)
    assert dict(exif) == {
        ExifTags.Base.Make: "Maker",
        ExifTags.Base.Model: "Camera",
        ExifTags.Base.DateTime: "2021:05:05 10:10:10",
        ExifTags.Base.Software: "tifffile.py",
    }


def with_lens_and_place(file):
    """The file with a lens, a date, a maker note and a place, in directories behind its samples."""
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.DateTimeOriginal: "2021:05:05 10:10:10",
        ExifTags.Base.LensModel: "Lens 50mm",
        ExifTags.Base.MakerNote: b"Canon-like note with offsets",
    }
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N"}
    added = exif.tobytes().removeprefix(PREFIX)
    content = file.getvalue()
    reader = TiffReader(io.BytesIO(added))
    first = reader.directory(reader.first).fields
    data, pointers = bytearray(content), []
    first_place = bytes(data[4:8])
    for tag in (EXIF_IFD, GPS_IFD):
        fields = reader.directory(reader.number(first, tag)).fields
        copies = [
            NewField(tag=tag, kind=field.kind, count=field.count, data=reader.data(field))
            for tag, field in fields.items()
        ]
        pointers.append(integers("<", tag, 4, (_append(data, copies, "<"),)))
    data[4:8] = first_place
    return io.BytesIO(with_fields(bytes(data), pointers))


@pytest.mark.parametrize("policy", MetadataPolicy)
def test_lens_and_place_are_carried_over_as_the_policy_says(policy):
    raw = read_camera_raw(with_lens_and_place(dng(sensor(), preview=True)), ImageLimits(), policy)
    if policy is MetadataPolicy.STRIP:
        assert raw.info.metadata.exif is None
        assert raw.info.notes == ()
        return
    exif = Image.Exif()
    exif.load(raw.info.metadata.exif)
    assert exif.get_ifd(ExifTags.IFD.Exif) == {
        ExifTags.Base.DateTimeOriginal: "2021:05:05 10:10:10",
        ExifTags.Base.LensModel: "Lens 50mm",
    }
    kept = policy is MetadataPolicy.KEEP
    assert (ExifTags.GPS.GPSLatitudeRef in exif.get_ifd(ExifTags.IFD.GPSInfo)) == kept
    assert [note.code for note in raw.info.notes] == [NoteCode.METADATA_DROPPED]
    assert "maker note" in raw.info.notes[0].detail


def test_linear_dng_and_x_trans_are_refused_in_words_that_say_what_is_supported():
    linear = np.repeat(sensor()[..., np.newaxis], 3, axis=2)
    x_trans = "grggbgbgbrgrgrggbggbggrgrgrbgbgbggrg"
    for file, actual in [
        (dng(linear, photometric=34892, preview=True), "linear raw"),
        (dng(sensor(60, 66), pattern=x_trans, preview=True), "X-Trans"),
    ]:
        with pytest.raises(UnsupportedPixelMode, match="Bayer pattern") as caught:
            read(file)
        assert caught.value.actual.startswith(actual)


@pytest.mark.parametrize("policy", MetadataPolicy)
def test_xmp_of_a_camera_raw_file_is_carried_and_iptc_is_noted(policy):
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><x:Description xmlns:exif="http://ns.adobe.com/exif/'
        b'1.0/" exif:GPSLatitude="48,12N" exif:LensModel="50mm"/></x:xmpmeta>'
    )
    more = [
        NewField(tag=700, kind=1, count=len(packet), data=packet),
        NewField(tag=33723, kind=7, count=5, data=b"\x1c\2\x78\0\0"),
    ]
    content = with_fields(dng(sensor(), preview=True).getvalue(), more)
    info = read_camera_raw(io.BytesIO(content), ImageLimits(), policy).info
    if policy is MetadataPolicy.STRIP:
        assert (info.metadata.xmp, info.notes) == (None, ())
        return
    assert b"50mm" in info.metadata.xmp
    assert (b"GPSLatitude" in info.metadata.xmp) == (policy is MetadataPolicy.KEEP)
    assert info.metadata.dropped == ("photoshop",)


def test_a_crop_that_is_smaller_than_a_photo_may_be_is_refused():
    with pytest.raises(ImageTooSmall) as caught:
        read(dng(sensor(), crop=(4, 4, 40, 8)))
    assert (caught.value.limit, caught.value.actual) == (16, 8)
