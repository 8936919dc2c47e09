import io
import re
import time

import numpy as np
import pytest
from PIL import ExifTags, Image

from hiir.imaging import (
    ImageFormat,
    ImageLimits,
    ImageMetadata,
    MetadataPolicy,
    NoteCode,
    PhotoOptions,
    decode,
    encode,
)
from hiir.imaging.encoder import encode_to
from hiir.imaging.metadata import MAX_EXIF_BYTES, MAX_ICC_BYTES, MAX_XMP_BYTES
from hiir.imaging.metadata_reading import read_metadata

WITH_EXIF = ("AVIF", "HEIC", "JPEG", "PNG", "TIFF", "WEBP")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description/></x:xmpmeta>'

# What a stored array has to go through to be upright, by orientation.
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


def make_exif(orientation=None):
    exif = Image.Exif()
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.DateTime] = "2024:05:06 07:08:09"
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.DateTimeOriginal: "2024:05:06 07:08:09",
        ExifTags.Base.ExposureTime: 0.5,
        ExifTags.Base.ExifImageWidth: 4000,
        ExifTags.Base.ExifImageHeight: 3000,
    }
    exif[ExifTags.IFD.GPSInfo] = {
        ExifTags.GPS.GPSLatitudeRef: "N",
        ExifTags.GPS.GPSLatitude: (48.0, 12.0, 30.0),
    }
    return exif.tobytes()


def reopen(data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        image.getexif()
        return image


def encoded(image, image_format):
    return encode(image.pixels, like=image, options=PhotoOptions(format=image_format))


def restored(data):
    """The file as it would be sent back by a model that changes nothing."""
    image = decode(data, ImageLimits())
    return reopen(encode(image.pixels, like=image))


@pytest.mark.parametrize("image_format", WITH_EXIF)
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_orientation_is_applied_to_the_pixels_and_its_tag_removed(
    make_file, make_smooth, image_format, orientation
):
    stored = make_smooth()
    data = make_file(
        image_format,
        image=Image.fromarray(stored),
        exif=make_exif(orientation),
        **({"quality": 95} if image_format in {"AVIF", "HEIC", "JPEG", "WEBP"} else {}),
    )
    upright = UPRIGHT[orientation](stored).astype(float)
    image = decode(data, ImageLimits())
    assert image.pixels.shape == upright.shape
    assert np.abs(image.pixels - upright).mean() < 3
    result = reopen(encode(image.pixels, like=image))
    assert result.size == upright.shape[1::-1]
    assert ExifTags.Base.Orientation not in result.getexif()
    assert np.abs(np.asarray(result.convert("RGB")) - upright).mean() < 3


def test_alpha_is_turned_with_the_colors(make_file, make_pixels):
    stored = make_pixels(channels=4)
    data = make_file("PNG", image=Image.fromarray(stored), exif=make_exif(6))
    image = decode(data, ImageLimits())
    upright = np.rot90(stored, -1)
    assert np.array_equal(image.alpha, upright[..., 3])
    seen = upright[..., 3] > 0
    assert np.array_equal(image.pixels[seen], upright[..., :3][seen])


def test_an_orientation_that_does_not_exist_changes_nothing(make_file, make_pixels):
    image = decode(make_file("PNG", exif=make_exif(9)), ImageLimits())
    assert np.array_equal(image.pixels, make_pixels())


def test_an_orientation_in_xmp_alone_is_applied_and_removed(make_file, make_smooth):
    xmp = XMP.replace(b"<rdf:Description/>", b'<rdf:Description tiff:Orientation="6"/>')
    data = make_file("JPEG", image=Image.fromarray(make_smooth()), xmp=xmp)
    image = decode(data, ImageLimits())
    assert image.pixels.shape == (56, 40, 3)
    assert b"Orientation" not in image.info.metadata.xmp


@pytest.mark.parametrize("image_format", WITH_EXIF)
def test_exif_is_carried_without_the_stored_size(make_file, image_format):
    result = restored(make_file(image_format, exif=make_exif())).getexif()
    assert result[ExifTags.Base.Make] == "Maker"
    assert result[ExifTags.Base.DateTime] == "2024:05:06 07:08:09"
    photo = result.get_ifd(ExifTags.IFD.Exif)
    assert photo[ExifTags.Base.DateTimeOriginal] == "2024:05:06 07:08:09"
    assert photo[ExifTags.Base.ExposureTime] == 0.5
    assert ExifTags.Base.ExifImageWidth not in photo
    assert ExifTags.Base.ExifImageHeight not in photo
    place = result.get_ifd(ExifTags.IFD.GPSInfo)
    assert place[ExifTags.GPS.GPSLatitude] == (48.0, 12.0, 30.0)


@pytest.mark.parametrize("image_format", WITH_EXIF)
def test_a_file_without_exif_gets_none(make_file, image_format):
    image = decode(make_file(image_format), ImageLimits())
    assert image.info.metadata.exif is None
    assert image.info.metadata.dropped == ()
    nested = {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}
    assert nested.isdisjoint(restored(make_file(image_format)).getexif())


def test_exif_without_camera_settings_gets_no_empty_ones(make_file):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    result = restored(make_file("JPEG", exif=exif)).getexif()
    assert dict(result) == {ExifTags.Base.Make: "Maker"}


def test_the_thumbnail_is_not_carried(make_file):
    thumbnail = {513: 0, 514: 10}  # where a JPEG of the old look lies
    exif = Image.Exif()
    exif.update({ExifTags.Base.Make: "Maker", **thumbnail})
    assert not set(thumbnail) & set(restored(make_file("JPEG", exif=exif)).getexif())


def test_a_bigtiff_keeps_its_exif_in_the_usual_form(make_file):
    data = make_file("TIFF", exif=make_exif(), big_tiff=True)
    image = decode(data, ImageLimits())
    assert image.info.metadata.exif.startswith((b"Exif\0\0II*\0", b"Exif\0\0MM\0*"))
    result = reopen(encoded(image, ImageFormat.JPEG)).getexif()
    assert result[ExifTags.Base.Make] == "Maker"
    assert result.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] == 0.5


@pytest.mark.parametrize("image_format", WITH_EXIF)
def test_the_color_profile_is_carried_byte_for_byte(make_file, icc_profile, image_format):
    data = make_file(image_format, icc_profile=icc_profile)
    assert restored(data).info["icc_profile"] == icc_profile


@pytest.mark.parametrize("image_format", WITH_EXIF)
def test_xmp_is_carried(make_file, image_format):
    source = decode(make_file("JPEG", xmp=XMP), ImageLimits())
    assert source.info.metadata.xmp == XMP
    data = encoded(source, ImageFormat[image_format])
    assert restored(data).info["xmp"] == XMP


@pytest.mark.parametrize("image_format", ["BMP", "JPEG", "PNG", "TIFF"])
def test_the_resolution_is_carried(make_file, image_format):
    result = restored(make_file(image_format, dpi=(300, 150)))
    assert result.info["dpi"] == pytest.approx((300, 150), abs=0.5)


def test_metadata_survives_a_change_of_format(make_file, icc_profile):
    data = make_file("JPEG", exif=make_exif(), icc_profile=icc_profile, xmp=XMP, dpi=(72, 72))
    source = decode(data, ImageLimits())
    for image_format in WITH_EXIF:
        again = decode(encoded(source, ImageFormat[image_format]), ImageLimits()).info.metadata
        assert again.icc_profile == icc_profile
        assert again.xmp == XMP
        exif = Image.Exif()
        exif.load(again.exif)
        assert exif[ExifTags.Base.Make] == "Maker"
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"


def dropped(**info):
    image = Image.new("RGB", (16, 16))
    image.info.update(info)
    return read_metadata(image)


@pytest.mark.parametrize(
    "profile", [b"short", bytes(200), bytes(36) + b"acsp" + bytes(MAX_ICC_BYTES), "text"]
)
def test_a_color_profile_that_is_none_is_dropped_and_named(profile):
    metadata = dropped(icc_profile=profile)
    assert metadata.icc_profile is None
    assert metadata.dropped == ("icc_profile",)


def test_exif_that_no_file_could_hold_is_dropped_and_named():
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "x" * MAX_EXIF_BYTES
    metadata = dropped(exif=exif.tobytes())
    assert metadata.exif is None
    assert metadata.dropped == ("exif",)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"\0"])
def test_exif_that_cannot_be_read_is_no_reason_to_refuse_the_photo(exif):
    metadata = dropped(exif=exif)
    assert metadata.exif is None
    assert metadata.dropped in {("exif",), ()}


@pytest.mark.parametrize("xmp", [b"x" * (MAX_XMP_BYTES + 1), "text", ("a", "tuple")])
def test_xmp_that_is_too_large_or_no_bytes_is_dropped_and_named(xmp):
    image = Image.new("RGB", (16, 16))
    image.info["xmp"] = xmp
    image.getexif = Image.Exif  # keeps Pillow from looking for an orientation in it
    assert read_metadata(image).dropped == ("xmp",)


@pytest.mark.parametrize(
    "dpi",
    [(0, 0), (-1, 72), (float("nan"), 72), (float("inf"), 1), (1e9, 1e9), (72,), 72, ("a", 1)],
)
def test_a_resolution_that_is_none_is_dropped_and_named(dpi):
    metadata = dropped(dpi=dpi)
    assert metadata.dpi is None
    assert metadata.dropped == ("dpi",)


def test_xmp_too_large_for_a_jpeg_is_left_out_of_it_alone(make_file):
    image = decode(make_file("PNG"), ImageLimits())
    filler = re.sub(rb"/>", b">" + b" " * 70_000 + b"</rdf:Description>", XMP, count=1)
    source = decode(
        encode(
            image.pixels,
            like=decode(make_file("WEBP", xmp=filler), ImageLimits()),
            options=PhotoOptions(format=ImageFormat.PNG),
        ),
        ImageLimits(),
    )
    assert source.info.metadata.xmp == filler
    assert "xmp" not in reopen(encoded(source, ImageFormat.JPEG)).info
    assert restored(encode(source.pixels, like=source)).info["xmp"] == filler


@pytest.mark.parametrize(
    "packet",
    [
        b"<x>" + b" " * 900_000,
        b"<tiff:Orientation" * 50_000,
        b"tiff:Orientation=" * 50_000,
        b"<x:xmpmeta " + b"a='b' " * 100_000 + b"/>",
    ],
)
@pytest.mark.parametrize("policy", list(MetadataPolicy))
def test_a_packet_made_to_be_searched_for_ever_is_not(packet, policy):
    image = Image.new("RGB", (16, 16))
    image.info["xmp"] = packet
    image.getexif = Image.Exif
    started = time.process_time()
    read_metadata(image, policy)
    assert time.process_time() - started < 5


GPS_XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 exif:GPSLatitude="48,12.5N" exif:FNumber="28/10">
<exif:GPSLongitude>11,34.2E</exif:GPSLongitude><dc:creator>Somebody</dc:creator>
<p:lat xmlns:p="http://www.w3.org/2003/01/geo/wgs84_pos#">48.2</p:lat>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def with_policy(make_file, policy, **options):
    return decode(make_file("JPEG", **options), ImageLimits(), PhotoOptions(metadata=policy))


def test_keep_no_gps_leaves_no_place_in_exif_or_xmp_and_keeps_the_rest(make_file):
    image = with_policy(make_file, MetadataPolicy.KEEP_NO_GPS, exif=make_exif(), xmp=GPS_XMP)
    result = reopen(encode(image.pixels, like=image))
    exif = result.getexif()
    assert ExifTags.IFD.GPSInfo not in exif
    assert exif[ExifTags.Base.Make] == "Maker"
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] == 0.5
    xmp = result.info["xmp"]
    for place in (b"GPS", b"48", b"11,34"):
        assert place not in xmp
    assert b"28/10" in xmp
    assert b"Somebody" in xmp


@pytest.mark.parametrize("xmp", [b"<not xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"])
def test_a_packet_whose_places_cannot_be_told_is_left_out(make_file, xmp):
    image = with_policy(make_file, MetadataPolicy.KEEP_NO_GPS, xmp=xmp)
    assert image.info.metadata.xmp is None
    assert [note.code for note in image.info.notes] == [NoteCode.METADATA_DROPPED]


def test_strip_leaves_the_color_profile_alone(make_file, icc_profile):
    image = with_policy(
        make_file,
        MetadataPolicy.STRIP,
        exif=make_exif(6),
        xmp=XMP,
        dpi=(300, 300),
        icc_profile=icc_profile,
    )
    assert image.pixels.shape == (56, 40, 3)  # turned all the same
    assert image.info.metadata == ImageMetadata(icc_profile=icc_profile)
    assert [note.code for note in image.info.notes] == [NoteCode.ORIENTATION_APPLIED]


@pytest.mark.parametrize(
    ("target", "lost"),
    [
        (ImageFormat.BMP, {"EXIF", "The color profile", "XMP"}),
        (ImageFormat.WEBP, set()),
        (ImageFormat.AVIF, set()),
        (ImageFormat.TIFF, set()),
        (ImageFormat.PNG, set()),
    ],
)
def test_what_a_format_cannot_hold_is_told(make_file, icc_profile, target, lost):
    data = make_file("JPEG", exif=make_exif(), xmp=XMP, dpi=(300, 300), icc_profile=icc_profile)
    image = decode(data, ImageLimits())
    options = PhotoOptions(format=target)
    written = encode_to(io.BytesIO(), image.pixels, like=image, options=options)
    assert {note.detail.partition(" was left out")[0] for note in written.notes} == lost
