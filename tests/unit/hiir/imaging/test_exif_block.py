"""EXIF is copied and not rebuilt: maker notes keep the places that their offsets name."""

import io
import json
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from hiir.imaging import (
    ColorPolicy,
    ImageFormat,
    ImageLimits,
    MetadataPolicy,
    NoteCode,
    PhotoOptions,
    decode,
    encode,
)
from hiir.imaging.encoder import encode_to
from hiir.imaging.exif_block import (
    MAKER_NOTE,
    OWN,
    PREFIX,
    NewField,
    integers,
    joined,
    with_fields,
    with_resolution,
)
from hiir.imaging.exif_edit import as_srgb, cleaned
from hiir.imaging.tiff_fields import EXIF_IFD, GPS_IFD, INTEROP_IFD, LONG, SHORT, TiffReader

WITH_EXIF = ("AVIF", "HEIC", "JPEG", "PNG", "TIFF", "WEBP")
TEXT = 2
# Tag and text of each maker's note; Canon and Panasonic count from the start of the block.
MAKERS = {
    "Canon": (b"", 0, {0x0006: "Canon EOS Example", 0x0009: "Owner of the camera"}, True),
    "NIKON CORPORATION": (b"", 0, {0x0004: "FINE   quality", 0x0007: "AF-S autofocus"}, False),
    "Panasonic": (b"Panasonic\0\0\0", 0, {0x0051: "LUMIX G 20mm", 0x0052: "SERIAL-0042"}, True),
    "FUJIFILM": (b"FUJIFILM\x0c\0\0\0", 0, {0x0010: "FF01234567", 0x1000: "FINE and more"}, False),
}


def directory(texts, start, base):
    """An IFD of texts that lies at `start`, and whose offsets count from `base`."""
    values, table = b"", b""
    behind = start + 2 + 12 * len(texts) + 4
    for tag, text in sorted(texts.items()):
        data = text.encode() + b"\0"
        table += struct.pack("<HHII", tag, TEXT, len(data), behind + len(values) - base)
        values += data
    return struct.pack("<H", len(texts)) + table + bytes(4) + values


def maker_note(maker, start):
    """The note at offset `start` of a block."""
    head, _, texts, is_absolute = MAKERS[maker]
    if maker.startswith("NIKON"):
        inner = start + 10
        body = b"II*\0\x08\0\0\0" + directory(texts, inner + 8, inner)
        return b"Nikon\0\x02\x10\0\0" + body
    return head + directory(texts, start + len(head), 0 if is_absolute else start)


def exif_of(maker, *, orientation=6, thumbnail=b""):
    """A block with a maker note, a place, an interoperability directory and a thumbnail."""

    def make(note):
        block = joined(
            "<",
            {
                OWN: [
                    text(ExifTags.Base.Make, maker),
                    integers("<", ExifTags.Base.Orientation, SHORT, (orientation,)),
                ],
                EXIF_IFD: [
                    integers("<", ExifTags.Base.ExifImageWidth, LONG, (56,)),
                    text(ExifTags.Base.DateTimeOriginal, "2024:05:06 07:08:09"),
                    NewField(tag=MAKER_NOTE, kind=7, count=len(note), data=note),
                    integers("<", ExifTags.Base.ColorSpace, SHORT, (1,)),
                ],
                GPS_IFD: [
                    text(ExifTags.GPS.GPSLatitudeRef, "N"),
                    NewField(tag=2, kind=5, count=3, data=struct.pack("<6I", 48, 1, 12, 1, 30, 1)),
                ],
                INTEROP_IFD: [text(1, "R98")],
            },
        )
        return with_thumbnail(block, thumbnail) if thumbnail else block

    place = note_of(make(maker_note(maker, 0)))[0]
    return make(maker_note(maker, place))


def text(tag, value):
    data = value.encode() + b"\0"
    return NewField(tag=tag, kind=TEXT, count=len(data), data=data)


def with_thumbnail(block, thumbnail):
    data = bytearray(block)
    reader = TiffReader(io.BytesIO(block))
    first = reader.directory(reader.first)
    second = len(data) + len(data) % 2
    data += bytes(len(data) % 2)
    image = second + 2 + 24 + 4
    data += struct.pack("<HHHIIHHIII", 2, 513, LONG, 1, image, 514, LONG, 1, len(thumbnail), 0)
    data += thumbnail
    struct.pack_into("<I", data, first.place + 2 + 12 * len(first.fields), second)
    return bytes(data)


def note_of(block):
    """Offset and bytes of the maker note."""
    reader = TiffReader(io.BytesIO(block))
    photo = reader.directory(reader.number(reader.directory(reader.first).fields, EXIF_IFD))
    field = photo.fields.get(MAKER_NOTE)
    return None if field is None else (field.place, reader.data(field))


def block_in(content, image_format):
    if image_format == "TIFF":
        return content
    with Image.open(io.BytesIO(content)) as image:
        return image.info["exif"].removeprefix(PREFIX)


def converted(content, target, **options):
    image = decode(content, ImageLimits(), PhotoOptions(**options))
    output = io.BytesIO()
    written = encode_to(
        output, image.pixels, like=image, options=PhotoOptions(format=ImageFormat[target])
    )
    return output.getvalue(), [note.code for note in written.notes]


@pytest.mark.parametrize("target", WITH_EXIF)
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("maker", MAKERS)
def test_a_maker_note_stays_where_its_offsets_count_from(make_file, maker, source, target):
    block = exif_of(maker)
    content = make_file(source, exif=block if source == "PNG" else PREFIX + block)
    result, notes = converted(content, target)
    assert note_of(block_in(result, target)) == note_of(block)
    assert notes == [NoteCode.ORIENTATION_APPLIED]


@pytest.mark.parametrize("maker", MAKERS)
def test_a_maker_note_of_a_tiff_is_moved_if_it_can_be_and_noted_if_not(make_file, maker):
    content, _ = converted(make_file("JPEG", exif=PREFIX + exif_of(maker)), "TIFF")
    result, notes = converted(content, "JPEG")
    note = note_of(block_in(result, "JPEG"))
    if MAKERS[maker][3]:
        assert note is None
        assert notes == [NoteCode.METADATA_DROPPED]
    else:
        assert note[1] == note_of(exif_of(maker))[1]
        assert notes == []


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("target", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("maker", MAKERS)
def test_exiftool_reads_the_same_tags_before_and_after(make_file, tmp_path, maker, target):
    content = make_file("JPEG", exif=PREFIX + exif_of(maker))
    result, _ = converted(content, target)
    before, after = (tags(data, tmp_path) for data in (content, result))
    assert set(MAKERS[maker][2].values()) <= {str(v) for v in before.values()}
    gone = {name for name in before if name not in after}
    assert gone <= {"IFD0:Orientation", "ExifIFD:ExifImageWidth"}
    assert {name: before[name] for name in before if name in after} == {
        name: after[name] for name in before if name in after
    }


def tags(content, folder: Path):
    path = folder / "photo"
    path.write_bytes(content)
    command = ["exiftool", "-j", "-G1", "-a", "-s", "-n", "-exif:all", "-makernotes:all", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]
    layout = ("ImageWidth", "ImageHeight", "Strip", "Rows", "Bits", "Samples", "Compression",
              "Photometric", "Predictor", "XResolution", "YResolution", "ResolutionUnit",
              "YCbCrPositioning")  # fmt: skip
    return {
        name: value
        for name, value in found.items()
        if ":" in name
        if not name.partition(":")[2].startswith(layout)
    }


def test_the_thumbnail_is_cut_and_its_bytes_are_gone():
    thumbnail = b"\xff\xd8 the photo before it was cropped \xff\xd9"
    block = exif_of("Canon", thumbnail=thumbnail)
    kept = cleaned(block, remove=(), keep_gps=True, swap_sides=False)
    assert thumbnail in block
    assert thumbnail not in kept
    assert len(list(TiffReader(io.BytesIO(kept)).chain())) == 1
    assert note_of(kept) == note_of(block)


def test_the_place_is_overwritten_and_the_maker_note_stays():
    block = exif_of("Canon")
    kept = cleaned(block, remove=(), keep_gps=False, swap_sides=False)
    assert struct.pack("<6I", 48, 1, 12, 1, 30, 1) in block
    assert struct.pack("<6I", 48, 1, 12, 1, 30, 1) not in kept
    reader = TiffReader(io.BytesIO(kept))
    assert GPS_IFD not in reader.directory(reader.first).fields
    assert note_of(kept) == note_of(block)


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_edited_and_written(make_pixels, order):
    text_of_maker = NewField(tag=271, kind=TEXT, count=6, data=b"Maker\0")
    block = joined(order, {OWN: [text_of_maker, integers(order, 274, SHORT, (6,))]})
    kept = cleaned(block, remove={274}, keep_gps=True, swap_sides=False)
    added = with_fields(kept, [integers(order, 305, SHORT, (7,))])
    reader = TiffReader(io.BytesIO(added))
    fields = reader.directory(reader.first).fields
    assert (set(fields), reader.order) == ({271, 305}, order)
    assert reader.data(fields[271]) == b"Maker\0"
    assert reader.number(fields, 305) == 7


def test_a_tiff_with_a_big_endian_block_has_the_same_samples(make_file, make_png):
    block = joined(">", {OWN: [NewField(tag=271, kind=TEXT, count=6, data=b"Maker\0")]})
    deep = np.random.default_rng(0).integers(0, 65_536, (20, 24, 3), np.uint16)
    content = make_png(deep, bit_depth=16, color_type=2, before_data=[(b"eXIf", block)])
    result, _ = converted(content, "TIFF")
    assert result.startswith(b"MM")
    assert np.array_equal(decode(result, ImageLimits()).pixels, deep)


@pytest.mark.parametrize("target", ["AVIF", "HEIC", "WEBP"])
def test_a_resolution_goes_into_exif_where_the_format_has_none(make_file, target):
    for options in ({}, {"exif": PREFIX + exif_of("Canon", orientation=1)}):
        result, notes = converted(make_file("PNG", dpi=(300, 150), **options), target)
        assert notes == []
        with Image.open(io.BytesIO(result)) as image:
            exif = image.getexif()
        assert (round(exif[282]), round(exif[283]), exif[296]) == (300, 150, 2)
        if options:
            assert note_of(block_in(result, target)) == note_of(exif_of("Canon", orientation=1))


def test_a_resolution_that_exif_has_stays():
    exif = with_resolution(None, (300.0, 150.5))
    assert with_resolution(exif, (72.0, 72.0)) == exif


def test_a_turned_photo_has_its_resolution_turned(make_file):
    content = make_file(
        "JPEG", exif=with_resolution(PREFIX + exif_of("Canon"), (300, 150)), dpi=(300, 150)
    )
    metadata = decode(content, ImageLimits()).info.metadata
    assert metadata.dpi == (150.0, 300.0)
    exif = Image.Exif()
    exif.load(metadata.exif)
    assert (exif[282], exif[283]) == (150, 300)


def test_exif_says_srgb_after_a_conversion(make_file, icc_profile):
    adobe = joined(
        "<",
        {
            OWN: [text(271, "Maker")],
            EXIF_IFD: [integers("<", ExifTags.Base.ColorSpace, SHORT, (65535,))],
            INTEROP_IFD: [text(1, "R03")],
        },
    )
    content = make_file("JPEG", exif=PREFIX + adobe)
    kept = decode(content, ImageLimits()).info.metadata.exif
    srgb = decode(content, ImageLimits(), PhotoOptions(color=ColorPolicy.SRGB)).info.metadata.exif
    assert (b"R03\0" in kept, b"R98\0" in kept) == (True, False)
    assert (b"R03\0" in srgb, b"R98\0" in srgb) == (False, True)
    assert as_srgb(kept) == srgb


@pytest.mark.parametrize("policy", [MetadataPolicy.STRIP, MetadataPolicy.KEEP_NO_GPS])
def test_the_policies_hold_for_a_copied_block(make_file, policy):
    content = make_file("JPEG", exif=PREFIX + exif_of("Canon"))
    image = decode(content, ImageLimits(), PhotoOptions(metadata=policy))
    if policy is MetadataPolicy.STRIP:
        assert image.info.metadata.exif is None
    else:
        assert struct.pack("<6I", 48, 1, 12, 1, 30, 1) not in image.info.metadata.exif
    assert encode(image.pixels, like=image)


def test_geotiff_is_a_place(make_file):
    place = NewField(tag=33922, kind=12, count=6, data=struct.pack("<6d", *range(6)))
    content, _ = converted(make_file("PNG"), "TIFF")
    located = with_fields(content, [place])
    for policy, kept in ((MetadataPolicy.KEEP, True), (MetadataPolicy.KEEP_NO_GPS, False)):
        image = decode(located, ImageLimits(), PhotoOptions(metadata=policy))
        assert (struct.pack("<6d", *range(6)) in (image.info.metadata.exif or b"")) == kept


@pytest.mark.filterwarnings("ignore:Truncated File Read:UserWarning")
def test_a_field_whose_value_lies_beyond_the_block_is_left_out_and_noted(make_file):
    block = bytearray(exif_of("Canon", orientation=1))
    reader = TiffReader(io.BytesIO(block))
    first = reader.directory(reader.first)
    struct.pack_into("<I", block, first.place + 2 + 8, 60_000)  # the maker's name
    content = make_file("JPEG", exif=PREFIX + bytes(block))
    for target in WITH_EXIF:
        result, notes = converted(content, target)
        assert notes == [NoteCode.METADATA_DROPPED]
        assert note_of(block_in(result, target)) == note_of(exif_of("Canon", orientation=1))
