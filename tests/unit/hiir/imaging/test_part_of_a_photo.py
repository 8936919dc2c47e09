"""What is written for a region of a photo: its alpha, and metadata that is true of it."""

import io

import numpy as np
import pytest
from PIL import Image

from hiir.imaging import ImageFormat, ImageLimits, MetadataPolicy, PhotoOptions, Region, decode
from hiir.imaging.encoder import encode_to
from hiir.imaging.exif_block import OWN, PREFIX, NewField, integers, joined
from hiir.imaging.metadata_of_region import metadata_of_region
from hiir.imaging.photoshop_resources import wrap_iptc
from hiir.imaging.preview import write_preview
from hiir.imaging.tiff_fields import EXIF_IFD, SHORT

REGION = Region(left=8, top=13, width=30, height=20)
IPTC = wrap_iptc(b"\x1c\x02\x78\0\x0bTwo parrots")
GUIDES = b"8BIM\x04\x08\0\0\0\0\0\x04grid"
PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:title="Two" %s>'
    b"%s</rdf:Description></rdf:RDF></x:xmpmeta>"
)
OF_THE_WHOLE = {
    "faces": (
        b'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"',
        b"<mwg-rs:Regions><rdf:Bag><rdf:li>face</rdf:li></rdf:Bag></mwg-rs:Regions>",
    ),
    "faces of Microsoft": (
        b'xmlns:MP="http://ns.microsoft.com/photo/1.2/"',
        b"<MP:RegionInfo><rdf:li>face</rdf:li></MP:RegionInfo>",
    ),
    "sizes": (
        b'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:PixelXDimension="56" exif:FNumber="2"',
        b"",
    ),
    "crop": (
        b'xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:CropTop="0.2"',
        b"",
    ),
    "panorama": (
        b'xmlns:g="http://ns.google.com/photos/1.0/panorama/" g:FullPanoWidthPixels="56"',
        b"",
    ),
    "thumbnail": (
        b'xmlns:xmp="http://ns.adobe.com/xap/1.0/"',
        b"<xmp:Thumbnails><rdf:Alt><rdf:li>/9j/4AAQ</rdf:li></rdf:Alt></xmp:Thumbnails>",
    ),
}


def written(content: bytes, pixels: np.ndarray | None = None, **options):
    """The file of the region, and the notes on it; `pixels` are those of the region."""
    wishes = PhotoOptions(region=REGION, **options)
    image = decode(content, ImageLimits(), wishes)
    if pixels is None:
        pixels = image.pixels[13:33][:, 8:38]
    stream = io.BytesIO()
    encoded = encode_to(stream, pixels, like=image, options=wishes)
    return stream.getvalue(), encoded.notes


@pytest.mark.parametrize("scale", [1, 3])
def test_alpha_of_a_region_is_that_of_the_whole(make_file, make_pixels, scale):
    samples = make_pixels(40, 56, 4)
    content = make_file("PNG", image=Image.fromarray(samples))
    image = decode(content, ImageLimits())
    large = image.pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    whole = io.BytesIO()
    encode_to(whole, large, like=image, options=PhotoOptions())
    rows, columns = slice(13 * scale, 33 * scale), slice(8 * scale, 38 * scale)
    part, notes = written(content, large[rows, columns])
    with Image.open(whole) as expected, Image.open(io.BytesIO(part)) as found:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected)[rows, columns])
    assert notes == ()


def test_a_preview_of_a_region_has_its_alpha(make_file):
    samples = np.full((40, 56, 4), 99, np.uint8)
    samples[13:33, 8:38, 3] = 255
    image = decode(make_file("PNG", image=Image.fromarray(samples)), ImageLimits())
    stream = io.BytesIO()
    pixels = image.pixels[13:33][:, 8:38]
    size = write_preview(stream, pixels, like=image, max_side=2048, region=REGION)
    with Image.open(stream) as shown:
        assert shown.size == size == (30, 20)
        assert np.asarray(shown.convert("RGBA"))[..., 3].min() == 255


def test_places_in_the_photo_leave_exif_and_all_else_stays(make_file):
    fields = [integers("<", 37396, SHORT, (20, 20, 5)), integers("<", 41492, SHORT, (20, 20))]
    kept = integers("<", 34855, SHORT, (400,))
    block = joined(
        "<",
        {OWN: [NewField(tag=271, kind=2, count=6, data=b"Maker\0")], EXIF_IFD: [*fields, kept]},
    )
    content, notes = written(make_file("JPEG", exif=PREFIX + block))
    with Image.open(io.BytesIO(content)) as image:
        exif = image.getexif()
        assert dict(exif.get_ifd(EXIF_IFD)) == {34855: 400}
        assert exif[271] == "Maker"
    assert notes == ()


@pytest.mark.parametrize("kind", OF_THE_WHOLE)
def test_what_xmp_says_of_the_whole_photo_leaves_it(make_file, kind):
    content = make_file("JPEG", xmp=PACKET % OF_THE_WHOLE[kind])
    with Image.open(io.BytesIO(written(content)[0])) as image:
        packet = image.info["xmp"]
    for gone in (b"face", b"56", b"0.2", b"/9j/4AAQ"):
        assert gone not in packet
    assert b'dc:title="Two"' in packet
    assert (b"FNumber" in packet) == (kind == "sizes")


def test_a_packet_without_places_stays_byte_for_byte(make_file):
    packet = PACKET % (b"", b"")
    with Image.open(io.BytesIO(written(make_file("JPEG", xmp=packet))[0])) as image:
        assert image.info["xmp"] == packet


def test_iptc_stays_without_guides_and_a_note_says_so(make_file):
    content = make_file("JPEG")
    segment = b"Photoshop 3.0\0" + IPTC + GUIDES
    size = (len(segment) + 2).to_bytes(2, "big")
    content, notes = written(content[:2] + b"\xff\xed" + size + segment + content[2:])
    with Image.open(io.BytesIO(content)) as image:
        assert ("APP13", b"Photoshop 3.0\0" + IPTC) in image.applist
    (note,) = notes
    assert note.code == "metadata-dropped"
    assert "beside IPTC" in note.detail


def test_the_extension_of_xmp_is_left_out(make_file):
    image = decode(make_file("PNG"), ImageLimits(), PhotoOptions(metadata=MetadataPolicy.STRIP))
    metadata = metadata_of_region(
        type(image.info.metadata)(xmp=PACKET % (b"", b""), extended_xmp=b"depth")
    )
    assert metadata.extended_xmp is None
    assert metadata.dropped == ("extended_xmp",)


@pytest.mark.parametrize("broken", [{"exif": PREFIX + b"II*"}, {"xmp": b"<a exif:PixelXDimension"}])
def test_metadata_that_cannot_be_changed_is_left_out(make_file, broken):
    info = decode(make_file("PNG"), ImageLimits()).info
    (name,) = broken
    metadata = metadata_of_region(type(info.metadata)(**broken))
    assert getattr(metadata, name) is None
    assert metadata.dropped == (name,)


def test_the_size_of_the_region_is_what_a_format_has_to_hold(make_file):
    wide = make_file("PNG", image=Image.new("L", (16_384, 16)))
    options = PhotoOptions(
        format=ImageFormat.WEBP, region=Region(left=0, top=0, width=64, height=16)
    )
    image = decode(wide, ImageLimits(), options)
    encoded = encode_to(io.BytesIO(), image.pixels[:, :64], like=image, options=options)
    assert encoded.format is ImageFormat.WEBP


def test_options_survive_their_journey():
    options = PhotoOptions(strength=40, region=REGION, background=(1, 2, 3))
    assert PhotoOptions.from_json(options.to_json()) == options
    assert PhotoOptions.from_json(PhotoOptions().to_json()) == PhotoOptions()
