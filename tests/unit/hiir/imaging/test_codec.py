"""The codec's process gives what the functions give, and survives what they may not."""

import io
import os
import re
import signal
import tempfile
import threading
import time
import zlib
from contextlib import closing, nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hiir.imaging import (
    Codec,
    CodecFailed,
    DecodingTimeout,
    DiskFull,
    ImageCorrupt,
    ImageFormat,
    ImageLimits,
    ImageTooLarge,
    ImageTruncated,
    PhotoOptions,
    PixelFile,
    decode,
    encode,
)

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def codec():
    made = Codec(max_bytes=64 * MIB, decode_seconds=60)
    yield made
    made.close()


@pytest.fixture
def stored():
    with tempfile.TemporaryFile() as file:

        def store(content):
            file.seek(0)
            file.truncate()
            file.write(content)
            file.flush()
            return file

        yield store


@pytest.fixture
def photo(make_file, make_pixels, icc_profile):
    exif = Image.Exif()
    exif[0x0112] = 6
    return make_file(
        "TIFF", image=Image.fromarray(make_pixels(channels=4)), exif=exif, icc_profile=icc_profile
    )


def test_a_photo_is_the_same_through_the_process_as_without_it(codec, stored, photo):
    here = decode(photo, ImageLimits())
    there = codec.decode(stored(photo), ImageLimits(), PhotoOptions())
    assert there.info == here.info
    assert np.array_equal(there.pixels[:], here.pixels)
    assert np.array_equal(there.alpha[:], here.alpha)
    options = PhotoOptions(format=ImageFormat.PNG)
    with tempfile.TemporaryFile() as target:
        written = codec.encode(there.pixels, like=there, options=options, target=target)
        target.seek(0)
        assert target.read() == encode(here.pixels, like=here, options=options)
    assert written.format is ImageFormat.PNG
    assert written.notes == here.info.notes
    there.close()


def test_errors_arrive_as_they_were_raised(codec, stored, photo):
    with pytest.raises(ImageTruncated, match="TIFF"):
        codec.check(stored(photo[:-50]), ImageLimits(), PhotoOptions())
    with pytest.raises(ImageTooLarge) as caught:
        codec.check(stored(photo), ImageLimits(max_side=50), PhotoOptions())
    assert (caught.value.limit, caught.value.actual) == (50, 56)


def test_a_process_that_dies_takes_one_file_with_it(codec, stored, photo):
    codec.probe(stored(photo))
    os.kill(codec._process.pid, signal.SIGKILL)
    with pytest.raises(ImageCorrupt, match="crash"):
        codec.probe(stored(photo))
    assert codec.probe(stored(photo)).pixels == 40 * 56


def test_a_file_that_takes_too_long_is_refused(codec, stored, make_file):
    slow = Codec(max_bytes=64 * MIB, decode_seconds=60)
    file = stored(make_file("PNG"))
    slow.probe(file)
    os.kill(slow._process.pid, signal.SIGSTOP)
    slow._decode_seconds = 0.2
    with pytest.raises(DecodingTimeout):
        slow.check(file, ImageLimits(), PhotoOptions())
    slow._decode_seconds = 60
    assert slow.check(file, ImageLimits(), PhotoOptions()).shape == (40, 56, 3)
    slow.close()


def test_a_request_under_way_can_be_ended_from_another_thread(stored, make_file):
    codec = Codec(max_bytes=64 * MIB, decode_seconds=60)
    image = codec.decode(stored(make_file("PNG")), ImageLimits(), PhotoOptions())
    os.kill(codec._process.pid, signal.SIGSTOP)
    threading.Timer(0.3, codec.kill).start()
    started = time.monotonic()
    with tempfile.TemporaryFile() as target, pytest.raises(CodecFailed):
        codec.encode(image.pixels, like=image, options=PhotoOptions(), target=target)
    assert time.monotonic() - started < 30
    image.close()
    codec.close()


def test_more_memory_than_is_allowed_is_an_error_and_not_the_machines_end(stored, monkeypatch):
    """The limit of the process itself: the header's check is told of none."""
    monkeypatch.setattr("hiir.imaging.codec._OWN_BYTES", 100 * MIB)
    codec = Codec(max_bytes=1, decode_seconds=60)
    output = io.BytesIO()
    Image.new("RGB", (6000, 5000)).save(output, "JPEG")
    with pytest.raises((ImageTooLarge, ImageCorrupt)):
        codec.check(stored(output.getvalue()), ImageLimits(), PhotoOptions())
    output = io.BytesIO()
    Image.new("RGB", (60, 50)).save(output, "JPEG")
    codec.check(stored(output.getvalue()), ImageLimits(), PhotoOptions())
    codec.close()


EXPANDING = zlib.compress(bytes(100 * MIB), 9)
LOADED = {
    "a hundred thousand texts": ([(b"tEXt", b"key\0text")] * 100_000, None),
    "a hundred thousand packed texts": (
        [(b"zTXt", b"key\0\0" + zlib.compress(bytes(1000)))] * 100_000,
        ImageCorrupt,
    ),
    "a text that expands": ([(b"zTXt", b"key\0\0" + EXPANDING)], None),
    "xmp that expands": (
        [(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + EXPANDING)],
        None,
    ),
    "a profile that expands": ([(b"iCCP", b"name\0\0" + EXPANDING)], None),
    "exif of ten megabytes": ([(b"eXIf", b"MM\0*" + bytes(10 * MIB))], None),
}


@pytest.mark.parametrize("name", LOADED)
def test_what_a_png_carries_costs_little_and_is_no_way_around_the_limits(
    codec, stored, make_png, make_pixels, name
):
    chunks, error = LOADED[name]
    file = stored(make_png(make_pixels(), bit_depth=8, color_type=2, before_data=chunks))
    with nullcontext() if error is None else pytest.raises(error):
        codec.check(file, ImageLimits(), PhotoOptions())
    status = Path(f"/proc/{codec.pid}/status").read_text()
    assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) < 250 * 1024


def test_a_photo_with_an_archive_behind_it_comes_back_without(codec, stored, make_file):
    archive = b"PK\3\4" + bytes(range(256)) * 20
    image = codec.decode(stored(make_file("PNG") + archive), ImageLimits(), PhotoOptions())
    with closing(image), tempfile.TemporaryFile() as target:
        codec.encode(image.pixels, like=image, options=PhotoOptions(), target=target)
        target.seek(0)
        assert archive[:40] not in target.read()


def test_a_process_that_has_grown_is_replaced(stored, make_file, monkeypatch):
    monkeypatch.setattr("hiir.imaging.codec._PEAK_BYTES", 0)
    codec = Codec(max_bytes=64 * MIB, decode_seconds=60)
    for _ in range(2):
        assert codec.probe(stored(make_file("PNG"))).height == 40
        assert codec._process is None


def test_nothing_stays_open(codec, stored, make_file):
    file = stored(make_file("PNG"))
    codec.probe(file)
    before = (open_files("self"), open_files(codec._process.pid))
    for _ in range(5):
        codec.decode(file, ImageLimits(), PhotoOptions()).close()
    # The process closes the files of a request after it has answered it: of the last one, too.
    codec.probe(file)
    assert (open_files("self"), open_files(codec._process.pid)) == before


def open_files(process):
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def test_the_process_ends_with_whoever_uses_it(stored, make_file):
    codec = Codec(max_bytes=64 * MIB, decode_seconds=60)
    codec.probe(stored(make_file("PNG")))
    process = codec._process
    codec._link.close()
    assert process.wait(30) == 0
    codec.close()


def test_rows_of_a_file_are_those_that_were_written(make_pixels):
    with PixelFile((9, 4, 3), np.uint16) as rows:
        assert not rows[:].any()
        samples = make_pixels(2, 4).astype(np.uint16) * 257
        rows[3:5] = samples
        assert np.array_equal(rows[3:5], samples)
        assert not rows[5:].any()
        with pytest.raises(ValueError, match="expected"):
            rows[0:2] = samples[:1]
        with pytest.raises(ValueError, match="uint16"):
            rows[0:2] = samples.astype(np.uint8)


def test_a_full_disk_is_named(codec, stored, photo):
    image = codec.decode(stored(photo), ImageLimits(), PhotoOptions())
    with closing(image), Path("/dev/full").open("r+b", buffering=0) as target:
        for name in (ImageFormat.TIFF, ImageFormat.PNG, ImageFormat.WEBP):
            with pytest.raises(DiskFull):
                codec.encode(
                    image.pixels, like=image, options=PhotoOptions(format=name), target=target
                )
