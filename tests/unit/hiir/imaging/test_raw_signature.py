"""Camera raw files are recognized by content, and never taken for the preview in front of them."""

import io

import numpy as np
import pytest
import tifffile

from hiir.imaging import ImageFormat, ImageLimits, UnsupportedImageFormat, decode, probe
from hiir.imaging.raw_signature import camera_raw_name
from tests.camera_raw import dng


def sensor():
    return np.random.default_rng(0).integers(300, 4000, (48, 64), np.uint16)


def named(content):
    return camera_raw_name(io.BytesIO(content))


FILES = {
    "DNG with a preview first": ("DNG", lambda: dng(sensor(), preview=True).getvalue()),
    "DNG with its samples first": ("DNG", lambda: dng(sensor()).getvalue()),
    "linear DNG": (
        "DNG",
        lambda: dng(np.dstack([sensor()] * 3), photometric=34892, preview=True).getvalue(),
    ),
    "raw samples first": ("TIFF/EP", lambda: dng(sensor(), is_dng=False).getvalue()),
    "raw samples in a sub-page": (
        "TIFF/EP",
        lambda: dng(sensor(), is_dng=False, preview=True).getvalue(),
    ),
    "CR2": ("CR2", lambda: b"II*\0\x10\0\0\0CR\x02\0" + bytes(80)),
    "CR3": ("CR3", lambda: b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom" + bytes(80)),
    "RAF": ("RAF", lambda: b"FUJIFILMCCD-RAW 0201" + bytes(120)),
    "RW2": ("RW2", lambda: b"IIU\0\x18\0\0\0" + bytes(80)),
    "ORF": ("ORF", lambda: b"IIRO\x08\0\0\0" + bytes(80)),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_camera_raw_file_is_refused_with_the_task_that_takes_it(kind):
    name, make = FILES[kind]
    content = make()
    assert named(content) == name
    for reading in (probe, lambda data: decode(data, ImageLimits())):
        with pytest.raises(UnsupportedImageFormat, match="demosaic") as caught:
            reading(content)
        assert caught.value.actual == f"camera raw ({name})"


@pytest.mark.parametrize(("maker", "name"), [("NIKON CORPORATION", "NEF"), ("SONY", "ARW")])
def test_raw_samples_are_named_for_the_camera(maker, name):
    content = dng(sensor(), is_dng=False, preview=True).getvalue()
    plain = io.BytesIO()
    tags = [(271, "s", 0, maker, True)]
    with tifffile.TiffWriter(plain) as writer:
        preview = np.zeros((20, 30, 3), np.uint8)
        writer.write(preview, photometric="rgb", subifds=1, extratags=tags, metadata=None)
        writer.write(sensor(), photometric=32803, extratags=_CFA, metadata=None)
    assert named(plain.getvalue()) == name
    assert named(content) == "TIFF/EP"


_CFA = [(33421, "H", 2, (2, 2), True), (33422, "B", 4, bytes([0, 1, 1, 2]), True)]


def test_a_photo_with_a_small_copy_in_a_sub_page_is_a_photo():
    output = io.BytesIO()
    photo = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    with tifffile.TiffWriter(output) as writer:
        writer.write(photo, photometric="rgb", subifds=1, metadata=None)
        writer.write(photo[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    assert named(output.getvalue()) is None
    assert probe(output.getvalue()).format is ImageFormat.TIFF
    assert np.array_equal(decode(output.getvalue(), ImageLimits()).pixels, photo)


def test_a_preview_whose_photo_is_only_in_a_sub_page_is_not_taken_for_the_photo():
    output = io.BytesIO()
    photo = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    with tifffile.TiffWriter(output) as writer:
        small = photo[::2, ::2]
        writer.write(small, photometric="rgb", subfiletype=1, subifds=1, metadata=None)
        writer.write(photo, photometric="rgb", metadata=None)
    assert named(output.getvalue()) == "TIFF/EP"


@pytest.mark.parametrize("content", [b"", b"II*\0", b"MM\0*\xff\xff\xff\xff" + bytes(99), b"RIFF"])
def test_damaged_and_other_files_are_not_camera_raw(content):
    assert named(content) is None


def test_pages_in_a_circle_end():
    assert named(b"II*\0\x08\0\0\0\0\0\x08\0\0\0" + bytes(80)) is None
