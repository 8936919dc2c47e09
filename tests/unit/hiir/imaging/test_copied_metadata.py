"""IPTC, comments, text, extended XMP and the shape of pixels are copied, or noted as left out."""

import hashlib
import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from hiir.imaging import (
    ImageFormat,
    ImageLimits,
    MetadataPolicy,
    NoteCode,
    PhotoOptions,
    decode,
    encode,
)
from hiir.imaging.encoder import encode_to
from hiir.imaging.exif_block import OWN, PREFIX, NewField, joined
from hiir.imaging.modes import Layout
from hiir.imaging.notes_on_decoding import notes_on_parts
from hiir.imaging.photoshop_resources import iptc_of, kept_resources, read_resources, wrap_iptc
from hiir.imaging.png_chunks import pack_chunk, read_chunks

IPTC = b"\x1c\x02\x78\0\x0bTwo parrots\x1c\x02\x50\0\x06Author"
THUMBNAIL = b"8BIM\x04\x0c\0\0\0\0\0\x05image\0"
CAPTION = b"8BIM\x03\xf0\x03abc\0\0\0\x04data"
BLOCK = wrap_iptc(IPTC) + CAPTION
RDF = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description xmlns:xmpNote="http://ns.adobe.com/xmp/note/" %s>%s'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg_with(content, *segments):
    return content[:2] + b"".join(segments) + content[2:]


def png_with(content, *chunks):
    return content[:33] + b"".join(chunks) + content[33:]


def restored(content, target=None, **options):
    wishes = PhotoOptions(format=target, **options)
    image = decode(content, ImageLimits(), wishes)
    output = io.BytesIO()
    written = encode_to(output, image.pixels, like=image, options=wishes)
    return output.getvalue(), written.notes


def codes(notes):
    return [note.code for note in notes]


def segments_of(content):
    with Image.open(io.BytesIO(content)) as image:
        return image.applist


@pytest.fixture
def with_iptc(make_file):
    parts = [
        segment(0xED, b"Photoshop 3.0\0" + BLOCK[:30]),
        segment(0xED, b"Photoshop 3.0\0" + BLOCK[30:] + THUMBNAIL),
        segment(0xFE, b"A comment"),
        segment(0xFE, b"Another one"),
    ]
    return jpeg_with(make_file("JPEG"), *parts)


def test_iptc_and_comments_of_a_jpeg_stay_byte_for_byte(with_iptc):
    result, notes = restored(with_iptc)
    assert notes == ()
    found = segments_of(result)
    assert ("APP13", b"Photoshop 3.0\0" + BLOCK) in found  # the thumbnail is not the photo's now
    assert [data for name, data in found if name == "COM"] == [b"A comment", b"Another one"]


def test_iptc_goes_from_jpeg_to_tiff_and_back(with_iptc):
    tiff, notes = restored(with_iptc, ImageFormat.TIFF)
    assert codes(notes) == [NoteCode.METADATA_DROPPED]  # the comments
    with tifffile.TiffFile(io.BytesIO(tiff)) as file:
        tags = file.pages[0].tags
        assert (bytes(tags[34377].value), bytes(tags[33723].value)) == (BLOCK, IPTC)
    again, notes = restored(tiff, ImageFormat.JPEG)
    assert notes == ()
    assert ("APP13", b"Photoshop 3.0\0" + BLOCK) in segments_of(again)


def test_iptc_that_stands_alone_in_a_tiff_stays(make_pixels):
    output = io.BytesIO()
    tags = [(33723, "B", len(IPTC), IPTC, True)]
    tifffile.imwrite(output, make_pixels(), photometric="rgb", extratags=tags, metadata=None)
    result, notes = restored(output.getvalue())
    assert notes == ()
    with tifffile.TiffFile(io.BytesIO(result)) as file:
        assert bytes(file.pages[0].tags[33723].value) == IPTC


@pytest.mark.parametrize("target", ["PNG", "WEBP", "AVIF", "HEIC", "BMP"])
def test_what_other_formats_cannot_hold_is_noted_by_kind(with_iptc, target):
    _, notes = restored(with_iptc, ImageFormat[target])
    assert codes(notes) == [NoteCode.METADATA_DROPPED] * 2
    details = " ".join(note.detail for note in notes)
    assert "IPTC" in details
    assert "comment" in details


@pytest.mark.parametrize("block", [b"8BIM", BLOCK[:-2], b"nonsense", BLOCK + b"8BIM\x04\x04"])
def test_damaged_resources_are_left_out_and_noted(make_file, block):
    content = jpeg_with(make_file("JPEG"), segment(0xED, b"Photoshop 3.0\0" + block))
    result, notes = restored(content)
    assert codes(notes) == [NoteCode.METADATA_DROPPED]
    assert not any(name == "APP13" for name, _ in segments_of(result))


def test_resources_are_read_with_names_and_odd_sizes():
    assert [(number, data) for number, data, _ in read_resources(BLOCK)] == [
        (0x0404, IPTC),
        (0x03F0, b"data"),
    ]
    assert iptc_of(BLOCK) == IPTC
    assert iptc_of(CAPTION) is None
    assert kept_resources(BLOCK + THUMBNAIL) == BLOCK


def test_strip_leaves_none_of_it_and_notes_nothing(with_iptc):
    result, notes = restored(with_iptc, metadata=MetadataPolicy.STRIP)
    assert notes == ()
    assert [name for name, _ in segments_of(result)] == ["APP0"]


EXTENDED = b"<x>" + b"a long history, " * 10_000 + b"</x>"


def extended_jpeg(content, *, extended=EXTENDED, name=None):
    name = name or hashlib.md5(extended).hexdigest().upper().encode()
    xmp = RDF % (b'xmpNote:HasExtendedXMP="' + name + b'" xmpNote:Other="1"', b"")
    parts = [segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)]
    head = b"http://ns.adobe.com/xmp/extension/\0" + name
    for place in range(0, len(extended), 60_000):
        where = struct.pack(">II", len(extended), place)
        parts.append(segment(0xE1, head + where + extended[place : place + 60_000]))
    return jpeg_with(content, *parts), xmp


def extension_of(content):
    head = b"http://ns.adobe.com/xmp/extension/\0"
    return b"".join(data[len(head) + 40 :] for _, data in segments_of(content) if head in data)


def test_an_extension_of_xmp_comes_back_with_its_packet(make_file):
    content, xmp = extended_jpeg(make_file("JPEG"))
    result, notes = restored(content)
    assert notes == ()
    assert extension_of(result) == EXTENDED
    with Image.open(io.BytesIO(result)) as image:
        assert image.info["xmp"] == xmp
    assert extension_of(restored(result)[0]) == EXTENDED


@pytest.mark.parametrize("target", ["PNG", "WEBP", "TIFF"])
def test_a_format_without_extensions_gets_a_packet_that_names_none(make_file, target):
    result, notes = restored(extended_jpeg(make_file("JPEG"))[0], ImageFormat[target])
    assert codes(notes) == [NoteCode.METADATA_DROPPED]
    xmp = decode(result, ImageLimits()).info.metadata.xmp
    assert b"HasExtendedXMP" not in xmp
    assert b"xmpNote:Other" in xmp


@pytest.mark.parametrize("damage", ["a missing part", "another name", "another length"])
def test_an_extension_that_is_not_whole_is_left_out_and_noted(make_file, damage):
    content, _ = extended_jpeg(make_file("JPEG"))
    if damage == "a missing part":
        head = b"http://ns.adobe.com/xmp/extension/\0"
        place = content.rindex(head) - 4
        size = struct.unpack_from(">H", content, place + 2)[0]
        content = content[:place] + content[place + 2 + size :]
    elif damage == "another name":
        content = content.replace(b'HasExtendedXMP="', b'HasExtendedXMP="0', 1)
    else:
        length = struct.pack(">I", len(EXTENDED))
        content = content.replace(length, struct.pack(">I", len(EXTENDED) + 1))
    result, notes = restored(content)
    assert codes(notes) == [NoteCode.METADATA_DROPPED]
    assert extension_of(result) == b""
    assert b"HasExtendedXMP" not in (decode(result, ImageLimits()).info.metadata.xmp or b"")


def test_an_extension_is_left_out_where_places_are_not_wanted(make_file):
    content, _ = extended_jpeg(make_file("JPEG"))
    result, notes = restored(content, metadata=MetadataPolicy.KEEP_NO_GPS)
    assert extension_of(result) == b""
    assert codes(notes) == [NoteCode.METADATA_DROPPED]


CAMERA = b'xmlns:C="http://ns.google.com/photos/1.0/camera/" '
CONTAINER = b'xmlns:Q="http://ns.google.com/photos/1.0/container/"'
PACKETS = {
    "motion photo": RDF
    % (
        CAMERA + CONTAINER + b' C:MotionPhoto="1" C:SpecialTypeID="2"',
        b"<Q:Directory><rdf:Seq><rdf:li><Q:Item/></rdf:li></rdf:Seq></Q:Directory>",
    ),
    "micro video": RDF % (CAMERA + b' C:MicroVideo="1" C:SpecialTypeID="2"', b""),
    "Ultra HDR": RDF
    % (
        CAMERA
        + b'xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" h:Version="1.0" C:SpecialTypeID="2"',
        b"",
    ),
}


@pytest.mark.parametrize("kind", PACKETS)
def test_what_xmp_says_of_parts_that_are_gone_is_removed_and_noted(make_file, kind):
    content = make_file("JPEG", xmp=PACKETS[kind]) + b"\0\0\0\x18ftypmp42" + bytes(range(200))
    result, notes = restored(content)
    xmp = decode(result, ImageLimits()).info.metadata.xmp
    for word in (b"MotionPhoto", b"MicroVideo", b"Directory", b"h:Version"):
        assert word not in xmp
    assert b"SpecialTypeID" in xmp
    assert codes(notes) == [NoteCode.PARTS_DROPPED]
    assert "212 bytes behind the image" in notes[0].detail
    assert restored(result)[1] == ()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_an_image_alone_is_no_part_that_is_left_out(make_file, options):
    assert restored(make_file("JPEG", **options))[1] == ()


def test_further_pictures_and_unknown_segments_are_noted(make_file):
    preview = make_file("JPEG")
    content = jpeg_with(
        make_file("JPEG"), segment(0xE2, b"MPF\0II*\0\x08\0\0\0"), segment(0xEB, b"JP provenance")
    )
    _, notes = restored(content + preview)
    assert codes(notes) == [NoteCode.PARTS_DROPPED]
    for word in ("MPF", f"{len(preview)} bytes", "APP11"):
        assert word in notes[0].detail


TEXTS = [
    (b"tEXt", b"Author\0Somebody"),
    (b"zTXt", b"Comment\0\0" + zlib.compress(b"long " * 50)),
    (b"iTXt", b"Title\0\1\0de\0Titel\0" + zlib.compress("Grün".encode())),
    (b"tIME", struct.pack(">HBBBBB", 2024, 5, 6, 7, 8, 9)),
]


def test_text_and_time_of_a_png_stay_byte_for_byte(make_file):
    content = png_with(make_file("PNG"), *(pack_chunk(*chunk) for chunk in TEXTS))
    result, notes = restored(content)
    assert notes == ()
    found = [(chunk.kind, chunk.data) for chunk in read_chunks(io.BytesIO(result))]
    assert [item for item in found if item in TEXTS] == TEXTS


def test_text_is_noted_where_a_format_has_none_and_left_out_by_strip(make_file):
    content = png_with(make_file("PNG"), *(pack_chunk(*chunk) for chunk in TEXTS))
    assert codes(restored(content, ImageFormat.JPEG)[1]) == [NoteCode.METADATA_DROPPED]
    result, notes = restored(content, metadata=MetadataPolicy.STRIP)
    assert notes == ()
    assert b"Somebody" not in result


def test_exif_that_is_kept_as_text_becomes_exif_and_is_not_kept_twice(make_file):
    exif = Image.Exif()
    exif[271] = "Maker"
    digits = exif.tobytes().hex()
    profile = f"\nexif\n      {len(digits) // 2}\n{digits}\n".encode()
    content = png_with(make_file("PNG"), pack_chunk(b"tEXt", b"Raw profile type exif\0" + profile))
    result, notes = restored(content)
    assert notes == ()
    assert b"Raw profile" not in result
    with Image.open(io.BytesIO(result)) as image:
        assert image.getexif()[271] == "Maker"


def test_unknown_chunks_and_what_follows_the_image_are_noted(make_file):
    content = png_with(make_file("PNG"), pack_chunk(b"caBX", b"provenance"))
    _, notes = restored(content + b"PK\3\4" + bytes(range(1, 200)))
    assert codes(notes) == [NoteCode.PARTS_DROPPED]
    assert "caBX" in notes[0].detail
    assert "203 bytes behind the image" in notes[0].detail


def test_unknown_chunks_of_a_webp_and_what_follows_it_are_noted(make_file):
    plain = make_file("WEBP", quality=90)
    assert restored(plain)[1] == ()
    content = bytearray(plain + struct.pack("<4sI", b"XYZW", 4) + b"abcd")
    struct.pack_into("<I", content, 4, len(content) - 8)
    _, notes = restored(bytes(content) + bytes(range(1, 100)))
    assert codes(notes) == [NoteCode.PARTS_DROPPED]
    assert "XYZW" in notes[0].detail
    assert "99 bytes behind the image" in notes[0].detail


def test_a_gain_map_of_a_heic_is_noted(make_file):
    image = Image.open(io.BytesIO(make_file("HEIC")))
    image.info["aux"] = {"urn:com:apple:photo:2020:aux:hdrgainmap": [1]}
    (note,) = notes_on_parts(image, io.BytesIO(), Layout(channels=3), MetadataPolicy.KEEP)
    assert (note.code, "gain map" in note.detail) == (NoteCode.PARTS_DROPPED, True)


def test_a_tiff_without_a_resolution_gets_none(make_pixels):
    output = io.BytesIO()
    tifffile.imwrite(output, make_pixels(), photometric="rgb", metadata=None)
    result, _ = restored(output.getvalue())
    assert decode(result, ImageLimits()).info.metadata.dpi is None


@pytest.mark.parametrize("target", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("source", ["PNG", "JPEG", "TIFF"])
def test_pixels_that_are_not_square_stay_so(make_file, make_pixels, source, target):
    result, notes = restored(with_aspect(make_file, make_pixels, source), ImageFormat[target])
    assert notes == ()
    assert decode(result, ImageLimits()).info.metadata.pixel_aspect == (2, 1)


def with_aspect(make_file, make_pixels, source):
    if source == "PNG":
        return png_with(make_file("PNG"), pack_chunk(b"pHYs", struct.pack(">IIB", 2, 1, 0)))
    if source == "JPEG":
        content = bytearray(make_file("JPEG"))
        content[13:18] = struct.pack(">BHH", 0, 2, 1)
        return bytes(content)
    output = io.BytesIO()
    options = {"resolution": (2, 1), "resolutionunit": 1, "metadata": None}
    tifffile.imwrite(output, make_pixels(), photometric="rgb", **options)
    return output.getvalue()


def test_the_shape_of_pixels_is_noted_where_it_is_lost_and_turned_with_the_photo(make_file):
    content = png_with(make_file("PNG"), pack_chunk(b"pHYs", struct.pack(">IIB", 2, 1, 0)))
    assert codes(restored(content, ImageFormat.WEBP)[1]) == [NoteCode.METADATA_DROPPED]
    turned = Image.Exif()
    turned[274] = 6
    content = png_with(
        make_file("PNG", exif=turned), pack_chunk(b"pHYs", struct.pack(">IIB", 2, 1, 0))
    )
    assert decode(content, ImageLimits()).info.metadata.pixel_aspect == (1, 2)


def test_a_profile_whose_segments_do_not_fit_together_is_noted(make_file, icc_profile):
    part = segment(0xE2, b"ICC_PROFILE\0\1\3" + icc_profile)
    assert codes(restored(jpeg_with(make_file("JPEG"), part))[1]) == [NoteCode.METADATA_DROPPED]


def test_metadata_takes_the_way_through_the_codecs_process(with_iptc, tmp_path):
    from hiir.imaging import Codec

    path = tmp_path / "photo.jpg"
    path.write_bytes(extended_jpeg(with_iptc)[0])
    codec = Codec(max_bytes=2**30, decode_seconds=60)
    try:
        with path.open("rb") as source:
            image = codec.decode(source, ImageLimits(), PhotoOptions())
        here = decode(path.read_bytes(), ImageLimits())
        assert image.info.metadata == here.info.metadata
        assert np.array_equal(image.pixels[:], here.pixels)
        image.close()
    finally:
        codec.close()
    assert encode(here.pixels, like=here)


def test_text_that_says_a_place_is_left_out_where_places_are_not_wanted(make_file):
    place = (b"tEXt", b"exif:GPSLatitude\x0048/1, 12/1, 30/1")
    content = png_with(make_file("PNG"), pack_chunk(*place), pack_chunk(*TEXTS[0]))
    assert pack_chunk(*place) in restored(content)[0]
    result, notes = restored(content, metadata=MetadataPolicy.KEEP_NO_GPS)
    assert notes == ()
    assert b"GPSLatitude" not in result
    assert pack_chunk(*TEXTS[0]) in result


def test_layers_and_sub_pages_of_a_tiff_are_noted(make_pixels):
    output = io.BytesIO()
    layers = [(37724, "B", 4, b"8BIM", True)]
    with tifffile.TiffWriter(output) as writer:
        options = {"photometric": "rgb", "metadata": None}
        writer.write(make_pixels(), subifds=1, extratags=layers, **options)
        writer.write(make_pixels(20, 28), subfiletype=1, **options)
    _, notes = restored(output.getvalue())
    assert codes(notes) == [NoteCode.PARTS_DROPPED]
    assert "sub-pages" in notes[0].detail
    assert "layers" in notes[0].detail


def test_iptc_inside_of_an_exif_block_is_noted(make_file):
    block = joined("<", {OWN: [NewField(tag=33723, kind=7, count=5, data=b"\x1c\2\x78\0\0")]})
    _, notes = restored(make_file("JPEG", exif=PREFIX + block))
    assert codes(notes) == [NoteCode.METADATA_DROPPED]
