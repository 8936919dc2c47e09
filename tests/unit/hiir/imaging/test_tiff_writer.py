import io

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from hiir.imaging import ImageMetadata
from hiir.imaging.tiff_writer import write_tiff


def write(samples, metadata=None):
    output = io.BytesIO()
    write_tiff(samples, output, metadata or ImageMetadata())
    return output.getvalue()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (57, 40), (400, 300)])
def test_two_independent_readers_find_every_sample(make_pixels, mode, size):
    samples = make_pixels(size[1], size[0], len(mode))
    data = write(samples)
    with Image.open(io.BytesIO(data)) as again:
        assert again.mode == mode
        assert np.array_equal(np.asarray(again).reshape(samples.shape), samples)
    assert np.array_equal(tifffile.imread(io.BytesIO(data)).reshape(samples.shape), samples)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_are_found_by_another_reader(channels):
    generator = np.random.default_rng(3)
    samples = generator.integers(0, 65_536, (40, 57, channels), dtype=np.uint16)
    again = tifffile.imread(io.BytesIO(write(samples)))
    assert again.dtype == np.uint16
    assert np.array_equal(again.reshape(samples.shape), samples)


def test_a_large_image_is_written_in_many_strips(make_pixels):
    data = write(make_pixels(700, 500))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        assert len(file.pages) == 1
        assert len(page.dataoffsets) == 5
        assert page.compression.name == "ADOBE_DEFLATE"


def test_a_row_longer_than_a_strip_is_a_strip(make_pixels):
    samples = make_pixels(3, 100_000)
    data = write(samples)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert len(file.pages[0].dataoffsets) == 3
        assert np.array_equal(file.asarray(), samples)


def test_a_smooth_image_is_compressed(make_smooth):
    smooth = make_smooth(300, 300)
    assert len(write(smooth)) < smooth.size / 10


def test_nested_exif_is_kept_beside_the_compression(make_pixels, icc_profile):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.ExposureTime: 0.5}
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitude: (48.0, 12.0, 30.0)}
    metadata = ImageMetadata(
        exif=exif.tobytes(), icc_profile=icc_profile, xmp=b"<x/>", dpi=(300.0, 150.5)
    )
    data = write(make_pixels(), metadata)
    with Image.open(io.BytesIO(data)) as image:
        again = image.getexif()
        assert again[ExifTags.Base.Make] == "Maker"
        assert again.get_ifd(ExifTags.IFD.Exif) == {ExifTags.Base.ExposureTime: 0.5}
        latitude = again.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude]
        assert latitude == (48.0, 12.0, 30.0)
        assert image.info["icc_profile"] == icc_profile
        assert image.info["xmp"] == b"<x/>"
        assert image.info["dpi"] == (300.0, 150.5)
