"""Damaged metadata of a PNG is left out and noted, and its pixels are restored."""

import io
import struct
import zlib

import numpy as np
import pytest

from hiir.imaging import ImageCorrupt, ImageLimits, NoteCode, decode, probe
from hiir.imaging.png_chunks import pack_chunk, read_chunks, without_damaged_chunks

IHDR_END = 33
BOMB = zlib.compress(bytes(3_000_000))
DAMAGED = {
    "wrong checksum": (pack_chunk(b"tEXt", b"Comment\0hello")[:-1] + b"\0", "tEXt"),
    "short gAMA": (pack_chunk(b"gAMA", b"\0"), "gAMA"),
    "short cHRM": (pack_chunk(b"cHRM", b"\0" * 8), "cHRM"),
    "text that is a bomb": (pack_chunk(b"zTXt", b"Comment\0\0" + BOMB), "zTXt"),
    "text that is not compressed": (pack_chunk(b"zTXt", b"Comment\0\0nonsense"), "zTXt"),
    "international text that is a bomb": (
        pack_chunk(b"iTXt", b"Comment\0\1\0en\0\0" + BOMB),
        "iTXt",
    ),
    "profile of an unknown compression": (pack_chunk(b"iCCP", b"name\0\1abc"), "iCCP"),
    "profile that is not compressed": (pack_chunk(b"iCCP", b"name\0\0abc"), "iCCP"),
}


def put(content, chunk, *, behind_pixels):
    place = content.index(b"IEND") - 4 if behind_pixels else IHDR_END
    return content[:place] + chunk + content[place:]


@pytest.mark.parametrize("behind_pixels", [False, True])
@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_chunk_is_left_out_and_noted(make_file, make_pixels, kind, behind_pixels):
    chunk, name = DAMAGED[kind]
    content = put(make_file("PNG", dpi=(300, 300)), chunk, behind_pixels=behind_pixels)
    assert probe(content).width == 56
    image = decode(content, ImageLimits())
    assert np.array_equal(image.pixels, make_pixels())
    assert [note.code for note in image.info.notes] == [NoteCode.METADATA_DROPPED]
    assert name in image.info.notes[0].detail
    assert image.info.metadata.dpi is not None  # what is not damaged stays


def test_a_damaged_chunk_of_the_image_itself_is_not_left_out(make_file):
    content = bytearray(make_file("PNG"))
    content[29] ^= 1  # the checksum of the header
    with pytest.raises(ImageCorrupt):
        decode(bytes(content), ImageLimits())


def test_a_whole_file_is_passed_on_as_it_is(make_file):
    stream = io.BytesIO(make_file("PNG"))
    assert without_damaged_chunks(stream) == (stream, ())
    kinds = [chunk.kind for chunk in read_chunks(stream)]
    assert (kinds[0], kinds[-1]) == (b"IHDR", b"IEND")


def test_what_follows_the_image_is_kept_out_of_the_way(make_file, make_pixels):
    content = put(make_file("PNG"), DAMAGED["short gAMA"][0], behind_pixels=False) + b"PK\3\4zip"
    assert np.array_equal(decode(content, ImageLimits()).pixels, make_pixels())


def test_a_length_beyond_the_file_ends_the_reading():
    stream = io.BytesIO(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 2**31 - 1, b"tEXt"))
    assert [chunk.is_valid for chunk in read_chunks(stream)] == [False]
