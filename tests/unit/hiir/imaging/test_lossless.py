"""What came without loss goes back without loss, or with a note."""

import io

import numpy as np
import pytest
import pyvips
from PIL import Image

from hiir.imaging import ImageFormat, ImageLimits, NoteCode, PhotoOptions, decode, probe
from hiir.imaging.encoder import encode_to
from hiir.imaging.lossless import is_lossless


def restored(content, **options):
    wishes = PhotoOptions(**options)
    image = decode(content, ImageLimits(), wishes)
    output = io.BytesIO()
    written = encode_to(output, image.pixels, like=image, options=wishes)
    return image, output.getvalue(), [note.code for note in written.notes]


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("metadata", [{}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}])
def test_a_lossless_webp_stays_lossless(make_file, make_pixels, channels, metadata):
    pixels = make_pixels(channels=channels)
    pixels[..., 3:] |= 1
    content = make_file("WEBP", image=Image.fromarray(pixels), lossless=True, **metadata)
    assert probe(content).is_lossless
    _, result, notes = restored(content)
    assert probe(result).is_lossless
    assert notes == []
    with Image.open(io.BytesIO(result)) as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_a_wish_for_quality_counts_more_and_is_noted(make_file):
    _, result, notes = restored(make_file("WEBP", lossless=True), quality=80)
    assert not probe(result).is_lossless
    assert notes == [NoteCode.COMPRESSION_CHANGED]


def test_a_lossy_webp_stays_lossy(make_file):
    content = make_file("WEBP", quality=90)
    assert not probe(content).is_lossless
    _, result, notes = restored(content)
    assert not probe(result).is_lossless
    assert notes == []


@pytest.mark.parametrize("lossless", [False, True])
def test_a_frame_of_an_animation_is_recognized(make_file, make_pixels, lossless):
    more = [Image.fromarray(make_pixels(seed=1))]
    content = make_file("WEBP", save_all=True, append_images=more, lossless=lossless)
    assert is_lossless(io.BytesIO(content), ImageFormat.WEBP) == lossless


def test_another_format_is_written_as_it_is_asked_for(make_file):
    _, _, notes = restored(make_file("WEBP", lossless=True), format=ImageFormat.JPEG)
    assert notes == []


def test_a_lossless_avif_is_noted(make_pixels):
    pixels = make_pixels()
    content = pyvips.Image.new_from_array(pixels).heifsave_buffer(
        compression="av1", lossless=True, keep="none"
    )
    image, _, notes = restored(content)
    assert np.array_equal(image.pixels, pixels)
    assert notes == [NoteCode.COMPRESSION_CHANGED]
    _, result, notes = restored(content, format=ImageFormat.PNG)
    assert notes == []
    with Image.open(io.BytesIO(result)) as again:
        assert np.array_equal(np.asarray(again), pixels)


@pytest.mark.parametrize("image_format", ["AVIF", "HEIC", "JPEG"])
def test_others_are_not_taken_for_lossless(make_file, image_format):
    content = make_file(image_format)
    assert not probe(content).is_lossless
    assert restored(content)[2] == []


@pytest.mark.parametrize("image_format", ["WEBP", "JPEG"])
def test_a_file_that_ends_early_is_not_lossless(make_file, image_format):
    content = make_file(image_format, **({"lossless": True} if image_format == "WEBP" else {}))
    for end in (0, 12, 15):
        assert not is_lossless(io.BytesIO(content[:end]), ImageFormat[image_format])
