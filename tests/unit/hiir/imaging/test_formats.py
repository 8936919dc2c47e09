import importlib.util
import struct

import pytest
from PIL import Image

from hiir.imaging import ImageFormat, UnsupportedImageFormat, probe
from hiir.imaging.formats import SIGNATURE_BYTES, sniff_format, writable_formats

FOREIGN = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"></svg>',
    "svg with a declaration": b'<?xml version="1.0"?><svg width="64" height="64"></svg>',
    "pdf": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n",
    "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 64, 64, 8, 3) + bytes(64),
    "gif": b"GIF89a\x40\0\x40\0\x80\0\0" + bytes(64),
    "a sequence of heic": b"\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc" + bytes(64),
    "jpeg xl": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(64),
    "ico": b"\0\0\1\0\1\0" + bytes(64),
    "wav in the same container as webp": b"RIFF\x40\0\0\0WAVEfmt " + bytes(64),
    "mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(64),
    "zip": b"PK\3\4" + bytes(64),
    "html": b"<!doctype html><title>404</title>",
    "text": b"not an image at all",
    "one byte": b"\x89",
    "a gif that holds a jpeg": b"GIF89a" + b"\xff\xd8\xff\xe0" * 40,
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_refused_by_its_content(name):
    with pytest.raises(UnsupportedImageFormat):
        probe(FOREIGN[name])


@pytest.mark.parametrize("image_format", ["GIF", "PDF", "EPS", "ICO", "PPM", "JPEG2000", "TGA"])
def test_a_format_that_pillow_could_read_is_refused_all_the_same(make_file, image_format):
    with pytest.raises(UnsupportedImageFormat):
        probe(make_file(image_format))


@pytest.mark.parametrize("image_format", list(ImageFormat))
def test_the_start_of_a_file_names_its_format(make_file, image_format):
    data = make_file(image_format.name)
    assert sniff_format(data[:SIGNATURE_BYTES]) is image_format
    assert sniff_format(data[:1]) is None


@pytest.mark.parametrize("options", [{"big_tiff": True}, {"compression": "tiff_lzw"}])
def test_every_kind_of_tiff_is_a_tiff(make_file, options):
    assert sniff_format(make_file("TIFF", **options)) is ImageFormat.TIFF


@pytest.mark.parametrize(
    "brands", [b"avif\0\0\0\0mif1", b"mif1\0\0\0\0mif1avif", b"avis\0\0\0\0avif"]
)
def test_avif_is_told_by_any_of_its_brands(brands):
    box = struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands
    assert sniff_format(box) is ImageFormat.AVIF


def test_a_word_beyond_the_brands_is_not_a_brand():
    movie = b"\0\0\0\x18ftypisom\0\0\0\0mp41iso2" + b"free avif"
    assert sniff_format(movie) is None


def test_heic_is_known_by_any_of_its_brands():
    heic = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"
    assert sniff_format(heic) is ImageFormat.HEIC


def test_heic_is_written_where_its_encoder_is(monkeypatch):
    assert ImageFormat.HEIC in writable_formats()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    writable_formats.cache_clear()
    try:
        assert set(writable_formats()) == set(ImageFormat) - {ImageFormat.HEIC}
    finally:
        writable_formats.cache_clear()


@pytest.mark.parametrize("image_format", sorted(set(ImageFormat) - {ImageFormat.HEIC}))
def test_media_type_and_extension_are_pillows(image_format):
    Image.init()
    assert Image.MIME[image_format.name] == image_format.media_type
    assert Image.EXTENSION[image_format.extension] == image_format.name
