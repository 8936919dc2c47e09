"""An installation without the encoder reads HEIC, and writes what everyone can open."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from hiir.imaging import (
    ImageFormat,
    ImageLimits,
    ImageTruncated,
    NoteCode,
    OutputUnsupported,
    PhotoOptions,
    decode,
    output_plan,
    plugins,
    probe,
)
from hiir.imaging.encoder import encode_to

LIMITS = ImageLimits()


@pytest.fixture
def no_encoder(monkeypatch) -> None:
    def others() -> tuple[ImageFormat, ...]:
        return tuple(set(ImageFormat) - {ImageFormat.HEIC})

    for module in (plugins, output_plan):
        monkeypatch.setattr(module, "writable_formats", others)


def restore(content: bytes, **options) -> tuple[Image.Image, list[NoteCode]]:
    """Decode and encode unchanged, as a model that changes nothing would."""
    photo, output = decode(content, LIMITS), io.BytesIO()
    wanted = PhotoOptions(**options)
    notes = encode_to(output, photo.pixels, like=photo, options=wanted).notes
    image = Image.open(output)
    image.load()
    return image, [note.code for note in notes]


def test_both_packages_read_the_same_pixels(make_file, make_smooth, monkeypatch, request) -> None:
    heic = make_file("HEIC", image=Image.fromarray(make_smooth()), quality=90)
    by_both = decode(heic, LIMITS).pixels
    request.getfixturevalue("no_encoder")
    assert probe(heic).format is ImageFormat.HEIC
    assert (
        type(plugins.PLUGINS[ImageFormat.HEIC](io.BytesIO(heic))).__module__ == "pi_heif.as_plugin"
    )
    np.testing.assert_allclose(decode(heic, LIMITS).pixels.astype(int), by_both, atol=1)


@pytest.mark.usefixtures("no_encoder")
def test_a_photo_of_a_phone_comes_back_as_jpeg(make_file, make_smooth) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    pixels = make_smooth()
    heic = make_file("HEIC", image=Image.fromarray(pixels), exif=exif.tobytes(), quality=95)
    image, notes = restore(heic)
    assert image.format == "JPEG"
    assert notes == [NoteCode.FORMAT_CHANGED]
    assert image.getexif()[ExifTags.Base.Make] == "Maker"
    assert np.abs(np.asarray(image).astype(int) - pixels).mean() < 3


@pytest.mark.usefixtures("no_encoder")
def test_transparency_comes_back_as_png(make_file, make_smooth) -> None:
    heic = make_file("HEIC", image=Image.fromarray(make_smooth(channels=4)), quality=95)
    image, notes = restore(heic)
    assert (image.format, image.mode, notes) == ("PNG", "RGBA", [NoteCode.FORMAT_CHANGED])


@pytest.mark.usefixtures("no_encoder")
def test_a_chosen_format_is_no_change_to_report(make_file, make_smooth) -> None:
    heic = make_file("HEIC", image=Image.fromarray(make_smooth()))
    image, notes = restore(heic, format=ImageFormat.WEBP)
    assert (image.format, notes) == ("WEBP", [])
    with pytest.raises(OutputUnsupported, match="JPEG cannot be written without loss"):
        restore(heic, lossless=True)


@pytest.mark.usefixtures("no_encoder")
def test_a_truncated_file_is_refused(make_file, make_smooth) -> None:
    heic = make_file("HEIC", image=Image.fromarray(make_smooth()))
    with pytest.raises(ImageTruncated):
        decode(heic[: len(heic) * 2 // 3], LIMITS)
