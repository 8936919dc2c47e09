import io
import tempfile

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin
from PIL.ImageFile import ImageFile
from pillow_heif import HeifImageFile
from skimage import data

from hiir.imaging import (
    DecodedImage,
    EmptyImage,
    ImageCorrupt,
    ImageFormat,
    ImageLimits,
    ImageTooLarge,
    ImageTooSmall,
    ImagingError,
    OutputUnsupported,
    PhotoOptions,
    UnsupportedImageFormat,
    decode,
    encode,
    probe,
)
from hiir.imaging.plugins import PLUGINS

LOSSLESS = (ImageFormat.BMP, ImageFormat.PNG, ImageFormat.TIFF)
LOSSY = (ImageFormat.AVIF, ImageFormat.HEIC, ImageFormat.JPEG, ImageFormat.WEBP)


def psnr(first, second):
    error = np.mean((first.astype(float) - second.astype(float)) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


def reopen(source):
    with Image.open(io.BytesIO(source)) as image:
        image.load()
        return image


@pytest.fixture
def no_decoding(monkeypatch):
    """Let every attempt to decode pixels fail."""

    def refuse(self):
        raise AssertionError("pixels were decoded")

    for plugin in (*PLUGINS.values(), HeifImageFile):
        if isinstance(plugin, type):
            assert issubclass(plugin, ImageFile)
            monkeypatch.setattr(plugin, "load", refuse)


@pytest.mark.parametrize("image_format", LOSSLESS)
def test_a_lossless_format_keeps_every_color(make_file, make_pixels, image_format):
    image = decode(make_file(image_format.name), ImageLimits())
    again = decode(encode(image.pixels, like=image), ImageLimits())
    for decoded in (image, again):
        assert decoded.info.header.format is image_format
        assert (decoded.info.header.width, decoded.info.header.height) == (56, 40)
        assert decoded.pixels.dtype == np.uint8
        assert np.array_equal(decoded.pixels, make_pixels())
        assert decoded.alpha is None
        assert not decoded.info.gray


@pytest.mark.parametrize("image_format", LOSSLESS)
def test_a_lossless_format_keeps_every_gray_and_stays_gray(make_file, make_pixels, image_format):
    levels = make_pixels(channels=1)[..., 0]
    source = make_file(image_format.name, image=Image.fromarray(levels))
    image = decode(source, ImageLimits())
    assert image.info.gray
    assert np.array_equal(image.pixels, levels[..., np.newaxis])
    result = reopen(encode(image.pixels, like=image))
    assert result.mode == "L"
    assert np.array_equal(np.asarray(result), levels)


@pytest.mark.parametrize("image_format", [ImageFormat.PNG, ImageFormat.TIFF])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_lossless_format_keeps_alpha_and_the_colors_that_it_shows(
    make_file, make_pixels, image_format, mode
):
    samples = make_pixels(channels=len(mode))
    image = decode(
        make_file(image_format.name, image=Image.fromarray(samples, mode)), ImageLimits()
    )
    assert image.info.gray is (mode == "LA")
    assert np.array_equal(image.alpha, samples[..., -1])
    result = reopen(encode(image.pixels, like=image))
    assert result.mode == mode
    again = np.asarray(result)
    seen = samples[..., -1] > 0
    assert np.array_equal(again[..., -1], samples[..., -1])
    assert np.array_equal(again[seen], samples[seen])


@pytest.mark.parametrize("image_format", LOSSY)
def test_a_lossy_format_comes_back_close(make_file, make_smooth, image_format):
    smooth = make_smooth()
    source = make_file(image_format.name, image=Image.fromarray(smooth), quality=95)
    image = decode(source, ImageLimits())
    again = decode(encode(image.pixels, like=image), ImageLimits())
    assert again.info.header.format is image_format
    assert again.pixels.shape == image.pixels.shape == smooth.shape
    assert psnr(again.pixels, image.pixels) > 36


@pytest.mark.parametrize("image_format", [ImageFormat.AVIF, ImageFormat.WEBP])
def test_a_lossy_format_keeps_alpha(make_file, make_smooth, image_format):
    samples = make_smooth(channels=4)
    source = make_file(image_format.name, image=Image.fromarray(samples), quality=95)
    image = decode(source, ImageLimits())
    again = decode(encode(image.pixels, like=image), ImageLimits())
    assert psnr(again.alpha, samples[..., 3]) > 40


def test_a_gray_jpeg_stays_one_channel(make_file, make_smooth):
    gray = Image.fromarray(make_smooth(channels=1)[..., 0])
    image = decode(make_file("JPEG", image=gray), ImageLimits())
    assert image.info.gray
    assert (image.pixels == image.pixels[..., :1]).all()
    assert reopen(encode(image.pixels, like=image)).mode == "L"


def test_a_jpeg_is_written_at_quality_95_without_chroma_subsampling(make_file):
    image = decode(make_file("JPEG", quality=60, subsampling="4:2:0"), ImageLimits())
    result = reopen(encode(image.pixels, like=image))
    reference = reopen(make_file("JPEG", quality=95))
    assert JpegImagePlugin.get_sampling(result) == 0
    assert result.quantization == reference.quantization


@pytest.mark.parametrize("image_format", [ImageFormat.AVIF, ImageFormat.WEBP])
def test_a_modern_format_is_written_better_than_pillow_would(make_file, image_format):
    photo = data.astronaut()[:128, 160:288]
    image = decode(make_file("PNG", image=Image.fromarray(photo)), ImageLimits())
    ours = reopen(encode(image.pixels, like=image, options=PhotoOptions(format=image_format)))
    pillows = reopen(make_file(image_format.name, image=Image.fromarray(photo)))
    assert psnr(np.asarray(ours), photo) > psnr(np.asarray(pillows), photo) + 3


@pytest.mark.parametrize("target", list(ImageFormat))
@pytest.mark.parametrize("source", list(ImageFormat))
def test_any_format_can_be_written_as_any_other(make_file, make_smooth, source, target):
    image = decode(make_file(source.name, image=Image.fromarray(make_smooth())), ImageLimits())
    again = decode(
        encode(image.pixels, like=image, options=PhotoOptions(format=target)), ImageLimits()
    )
    assert again.info.header.format is target
    assert psnr(again.pixels, image.pixels) > 36


def test_the_pixels_that_are_given_are_written(make_file, make_pixels):
    image = decode(make_file("PNG"), ImageLimits())
    restored = make_pixels(seed=8)
    assert np.array_equal(np.asarray(reopen(encode(restored, like=image))), restored)


def test_alpha_grows_with_an_enlarged_image(make_file, make_pixels):
    samples = make_pixels(channels=4)
    samples[..., 3] = 77
    image = decode(make_file("PNG", image=Image.fromarray(samples)), ImageLimits())
    result = reopen(encode(image.pixels.repeat(2, axis=0).repeat(2, axis=1), like=image))
    assert result.size == (112, 80)
    assert (np.asarray(result)[..., 3] == 77).all()


@pytest.mark.parametrize("target", [ImageFormat.JPEG, ImageFormat.BMP])
def test_a_format_without_alpha_refuses_it(make_file, make_pixels, target):
    image = decode(make_file("PNG", image=Image.fromarray(make_pixels(channels=4))), ImageLimits())
    with pytest.raises(OutputUnsupported, match=f"{target.name} cannot hold transparency"):
        encode(image.pixels, like=image, options=PhotoOptions(format=target))


@pytest.mark.parametrize(
    ("target", "limit"),
    [(ImageFormat.AVIF, 32_768), (ImageFormat.JPEG, 65_500), (ImageFormat.WEBP, 16_383)],
)
def test_a_side_that_the_format_cannot_hold_is_refused_with_its_limit(make_file, target, limit):
    image = decode(make_file("PNG"), ImageLimits())
    pixels = np.zeros((1, limit + 1, 3), np.uint8)
    with pytest.raises(ImageTooLarge, match=target.name) as caught:
        encode(pixels, like=image, options=PhotoOptions(format=target))
    assert (caught.value.limit, caught.value.actual) == (limit, limit + 1)
    fitting = encode(pixels[:, :-1], like=image, options=PhotoOptions(format=target))
    assert probe(fitting).width == limit


@pytest.mark.parametrize("image_format", list(ImageFormat))
def test_probe_reads_the_header_and_no_pixels(make_file, no_decoding, image_format):
    stream = io.BytesIO(make_file(image_format.name))
    stream.seek(11)
    header = probe(stream)
    assert header.format is image_format
    assert (header.width, header.height, header.pixels) == (56, 40, 2240)
    assert (header.frames, header.mode, header.bit_depth) == (1, "RGB", 8)
    assert stream.tell() == 0


@pytest.mark.parametrize("image_format", list(ImageFormat))
@pytest.mark.parametrize(
    ("limits", "broken"),
    [
        (ImageLimits(max_pixels=2239), (ImageTooLarge, 2239, 2240)),
        (ImageLimits(max_side=55), (ImageTooLarge, 55, 56)),
        (ImageLimits(min_side=41), (ImageTooSmall, 41, 40)),
    ],
)
def test_limits_are_enforced_before_any_pixel_is_decoded(
    make_file, no_decoding, image_format, limits, broken
):
    with pytest.raises(ImagingError) as caught:
        decode(make_file(image_format.name), limits)
    assert (type(caught.value), caught.value.limit, caught.value.actual) == broken


def test_decoding_would_be_noticed(make_file, no_decoding):
    with pytest.raises(ImageCorrupt) as caught:
        decode(make_file("PNG"), ImageLimits())
    assert str(caught.value.__cause__) == "pixels were decoded"


def test_a_decompression_bomb_is_refused_by_its_header(make_png):
    bomb = make_png(np.zeros((1, 1), np.uint8), bit_depth=8, size=(16_000, 200_000))
    with pytest.raises(ImageTooLarge) as caught:
        decode(bomb, ImageLimits())
    assert (caught.value.limit, caught.value.actual) == (16_384, 200_000)


@pytest.mark.parametrize("image_format", list(ImageFormat))
@pytest.mark.parametrize("opener", [tempfile.TemporaryFile, tempfile.SpooledTemporaryFile])
def test_any_stream_is_read_from_its_start_and_left_open(make_file, image_format, opener):
    source = make_file(image_format.name)
    expected = decode(source, ImageLimits())
    with opener() as stream:
        stream.write(source)
        image = decode(stream, ImageLimits())
        assert np.array_equal(image.pixels, expected.pixels)
        stream.seek(0)
        assert stream.read() == source


@pytest.mark.parametrize("extension", [".png", ".gif", ".svg", ""])
def test_the_name_of_a_file_says_nothing(make_file, tmp_path, extension):
    path = tmp_path / f"photo{extension}"
    path.write_bytes(make_file("JPEG"))
    with path.open("rb") as stream:
        assert decode(stream, ImageLimits()).info.header.format is ImageFormat.JPEG


@pytest.mark.parametrize("read", [probe, lambda source: decode(source, ImageLimits())])
def test_an_empty_file_is_named_as_such(read):
    with pytest.raises(EmptyImage) as caught:
        read(b"")
    assert (caught.value.limit, caught.value.actual) == (1, 0)


def test_an_unknown_format_is_refused_with_the_accepted_ones(make_file):
    with pytest.raises(
        UnsupportedImageFormat, match="AVIF, BMP, HEIC, JPEG, PNG, TIFF, WEBP"
    ) as caught:
        probe(make_file("GIF"))
    assert caught.value.limit == "AVIF, BMP, HEIC, JPEG, PNG, TIFF, WEBP"


def test_memory_that_runs_out_is_the_images_size_and_not_a_crash(make_file, monkeypatch):
    source = make_file("PNG")

    def run_out(self):
        raise MemoryError

    monkeypatch.setattr(PLUGINS[ImageFormat.PNG], "load", run_out)
    with pytest.raises(ImageTooLarge, match="memory"):
        decode(source, ImageLimits())


def test_the_first_image_of_a_cameras_multi_picture_file_is_the_photo(make_file, make_smooth):
    photo, preview = Image.fromarray(make_smooth()), Image.fromarray(make_smooth(24, 32))
    source = make_file("MPO", image=photo, save_all=True, append_images=[preview], quality=95)
    image = decode(source, ImageLimits())
    assert (image.info.header.format, image.info.header.frames) == (ImageFormat.JPEG, 1)
    assert psnr(image.pixels, make_smooth()) > 40


def test_two_decoded_images_are_different_values(make_file):
    first, second = (decode(make_file("PNG"), ImageLimits()) for _ in range(2))
    assert isinstance(first, DecodedImage)
    assert first != second
