import io
import struct

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image

from hiir.imaging import (
    FrameNotFound,
    ImageCorrupt,
    ImageFormat,
    ImageLimits,
    NoteCode,
    PhotoOptions,
    TooManyFrames,
    UnsupportedPixelMode,
    decode,
    encode,
    probe,
)
from hiir.imaging.encoder import encode_to


def deepen_avif(data, bits):
    """Let an 8-bit AVIF say that it has more: in its codec configuration and pixel information."""
    flags = {10: 0x40, 12: 0x60}[bits]
    at = data.index(b"av1C") + 6
    data = data[:at] + bytes([data[at] | flags]) + data[at + 1 :]
    at = data.index(b"pixi") + 9
    return data[:at] + bytes([bits] * 3) + data[at + 3 :]


def refused(data, bits):
    assert probe(data).bit_depth == bits
    with pytest.raises(UnsupportedPixelMode, match=f"{bits} bits per sample") as caught:
        decode(data, ImageLimits())
    return (caught.value.limit, caught.value.actual) == ("8, 16", bits)


def deep_samples(*shape):
    return np.random.default_rng(1).integers(1, 65_536, shape, dtype=np.uint16)


def samples_of(image):
    planes = [image.pixels] if image.alpha is None else [image.pixels, image.alpha]
    return np.dstack(planes)


@pytest.mark.parametrize(("color_type", "mode"), [(0, "I;16"), (2, "RGB"), (4, "LA"), (6, "RGBA")])
def test_a_png_of_16_bits_is_read_without_loss(make_png, color_type, mode):
    deep = deep_samples(20, 20, {0: 1, 2: 3, 4: 2, 6: 4}[color_type])
    data = make_png(deep, bit_depth=16, color_type=color_type)
    header = probe(data)
    assert (header.mode, header.bit_depth) == (mode, 16)
    image = decode(data, ImageLimits())
    assert image.info.dtype == np.uint16
    assert np.array_equal(samples_of(image), deep)


def test_a_second_png_header_cannot_hide_the_depth(make_png):
    deep = np.full((20, 20, 3), 300, np.uint16)
    shallow = (b"IHDR", struct.pack(">IIBBBBB", 20, 20, 8, 2, 0, 0, 0))
    data = make_png(deep, bit_depth=16, color_type=2, before_header=[shallow])
    assert probe(data).bit_depth == 16
    with pytest.raises(ImageCorrupt):
        decode(data, ImageLimits())


@pytest.mark.parametrize("bit_depth", [1, 2, 4, 8])
def test_a_shallow_png_tells_its_depth(make_png, bit_depth):
    levels = np.arange(400).reshape(20, 20) % 2**bit_depth
    data = make_png(levels, bit_depth=bit_depth)
    assert probe(data).bit_depth == bit_depth
    scaled = levels * (255 // (2**bit_depth - 1))
    assert np.array_equal(decode(data, ImageLimits()).pixels[..., 0], scaled)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "extra", [{}, {"compression": "zlib", "predictor": True, "tile": (16, 16)}]
)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_tiff_of_16_bits_is_read_without_loss(channels, extra, byteorder):
    output = io.BytesIO()
    deep = deep_samples(20, 24, channels)
    tifffile.imwrite(
        output,
        deep[..., 0] if channels == 1 else deep,
        photometric="rgb" if channels > 2 else "minisblack",
        planarconfig=None if channels == 1 else "contig",
        extrasamples=["unassalpha"] if channels in {2, 4} else None,
        byteorder=byteorder,
        metadata=None,
        **extra,
    )
    image = decode(output.getvalue(), ImageLimits())
    assert image.info.dtype == np.uint16
    assert np.array_equal(samples_of(image), deep)


def test_a_premultiplied_tiff_of_16_bits_becomes_straight():
    deep = np.zeros((20, 20, 4), np.uint16)
    deep[...] = (10_000, 20_000, 30_000, 32_768)
    deep[:, 10:] = 65_535
    output = io.BytesIO()
    tifffile.imwrite(output, deep, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    image = decode(output.getvalue(), ImageLimits())
    assert np.abs(image.pixels[0, 0].astype(int) - (20_000, 39_999, 59_999)).max() <= 1
    assert image.pixels[0, -1].tolist() == [65_535] * 3
    assert (image.alpha[0, 0], image.alpha[0, -1]) == (32_768, 65_535)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_a_tiff_of_32_bits_is_refused(make_file, mode):
    assert refused(make_file("TIFF", image=Image.new(mode, (20, 20))), 32)


def deep_avif(pixels, bits):
    """An AVIF that really has so many bits, without loss."""
    deep = pyvips.Image.new_from_array(pixels.astype(np.uint16) * 257)
    image = deep.copy(interpretation="rgb16")
    return image.heifsave_buffer(compression="av1", bitdepth=bits, lossless=True, keep="none")


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("bits", [10, 12])
def test_an_avif_of_more_than_8_bits_is_read_at_16(make_pixels, bits, channels):
    pixels = make_pixels(channels=channels)
    data = deep_avif(pixels, bits)
    assert probe(data).bit_depth == bits
    image = decode(data, ImageLimits())
    assert image.info.dtype == np.uint16
    steps = 2**bits - 1
    levels = (pixels.astype(np.uint16) * 257) >> (16 - bits)
    seen = samples_of(image).astype(np.float64) * steps / 65535
    visible = slice(None) if channels == 3 else pixels[..., 3] > 0
    assert np.abs(seen - levels)[visible].max() <= 1.5
    assert image.pixels.max() == 65535


def test_a_deep_avif_that_is_written_with_8_bits_gets_a_note(make_pixels):
    image = decode(deep_avif(make_pixels(), 10), ImageLimits())
    output = io.BytesIO()
    notes = encode_to(output, image.pixels, like=image, options=PhotoOptions()).notes
    (note,) = (note for note in notes if note.code is NoteCode.BIT_DEPTH_CHANGED)
    assert note.detail == "Written with 8 bits per sample instead of 10."
    deep = encode(image.pixels, like=image, options=PhotoOptions(format=ImageFormat.PNG))
    assert np.array_equal(decode(deep, ImageLimits()).pixels, image.pixels)


def test_an_avif_that_says_more_bits_than_it_has_is_not_read_wrongly(make_file, make_smooth):
    plain = make_file("AVIF", image=Image.fromarray(make_smooth()), quality=95)
    image = decode(deepen_avif(plain, 10), ImageLimits())
    assert np.abs(image.pixels / 257 - decode(plain, ImageLimits()).pixels).mean() < 3
    with pytest.raises(ImageCorrupt):
        decode(deepen_avif(plain, 12), ImageLimits())


def test_an_avif_without_a_codec_configuration_is_corrupt(make_file, monkeypatch):
    data = make_file("AVIF").replace(b"av1C\x81", b"av1C\x91")
    with pytest.raises(ImageCorrupt):
        probe(data)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_an_animation_or_a_second_page_is_refused_before_decoding(
    make_file, make_pixels, image_format
):
    more = [Image.fromarray(make_pixels(seed=seed)) for seed in (1, 2)]
    data = make_file(image_format, save_all=True, append_images=more)
    assert probe(data).frames == 3
    with pytest.raises(TooManyFrames, match="3 frames or pages") as caught:
        decode(data, ImageLimits())
    assert (caught.value.limit, caught.value.actual) == (1, 3)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_the_first_frame_is_restored_where_more_are_allowed(make_file, make_pixels, image_format):
    more = [Image.fromarray(make_pixels(seed=1))]
    data = make_file(image_format, save_all=True, append_images=more)
    image = decode(data, ImageLimits(max_frames=2))
    with Image.open(io.BytesIO(data)) as reference:
        assert np.array_equal(image.pixels, np.asarray(reference.convert("RGB")))


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("frame", [0, 2])
def test_a_chosen_frame_is_restored_and_that_is_told(make_file, make_smooth, image_format, frame):
    frames = [Image.fromarray(make_smooth() // (index + 1)) for index in range(3)]
    lossy = {} if image_format in {"PNG", "TIFF"} else {"quality": 95}
    data = make_file(
        image_format, image=frames[0], save_all=True, append_images=frames[1:], **lossy
    )
    image = decode(data, ImageLimits(), PhotoOptions(frame=frame))
    assert np.abs(image.pixels.astype(int) - np.asarray(frames[frame])).mean() < 3
    assert [note.code for note in image.info.notes] == [NoteCode.FRAME_SELECTED]


def test_a_page_of_a_tiff_has_its_own_size_and_depth(make_pixels):
    output = io.BytesIO()
    deep = deep_samples(24, 40, 3)
    with tifffile.TiffWriter(output) as writer:
        writer.write(make_pixels(20, 20), photometric="rgb", metadata=None)
        writer.write(deep, photometric="rgb", metadata=None)
    image = decode(output.getvalue(), ImageLimits(), PhotoOptions(frame=1))
    assert np.array_equal(image.pixels, deep)


@pytest.mark.parametrize("frame", [1, 7])
def test_a_frame_that_is_not_there_is_refused(make_file, frame):
    with pytest.raises(FrameNotFound) as caught:
        decode(make_file("PNG"), ImageLimits(), PhotoOptions(frame=frame))
    assert (caught.value.limit, caught.value.actual) == (0, frame)


def test_counting_the_pages_of_a_tiff_ends_at_a_hundred(make_file):
    page = Image.new("L", (16, 16))
    data = make_file("TIFF", image=page, save_all=True, append_images=[page] * 120)
    assert probe(data).frames == 100


def test_pages_of_a_tiff_that_point_in_a_circle_end():
    output = io.BytesIO()
    tifffile.imwrite(output, np.zeros((20, 20), np.uint8), metadata=None)
    data = bytearray(output.getvalue())
    (first,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * entries, first)
    assert probe(bytes(data)).frames == 1
    assert probe(bytes(data)).format is ImageFormat.TIFF
