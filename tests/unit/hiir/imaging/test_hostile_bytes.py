"""Whatever bytes are sent, decoding gives an image or one of this package's errors."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from hiir.imaging import (
    DecodedImage,
    ImageFormat,
    ImageLimits,
    ImagingError,
    decode,
    encode,
    probe,
)
from hiir.imaging.formats import SIGNATURE_BYTES

# As in the service, where what Pillow only warns of does not stop it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

LIMITS = ImageLimits(min_side=1, max_pixels=1_000_000)
VARIANTS = [
    ("AVIF", "RGBA", {}),
    ("BMP", "P", {}),
    ("BMP", "RGB", {}),
    ("JPEG", "L", {"progressive": True}),
    ("JPEG", "RGB", {}),
    ("PNG", "1", {}),
    ("PNG", "LA", {}),
    ("PNG", "P", {"transparency": 3}),
    ("PNG", "RGB", {}),
    ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "L", {"compression": "tiff_lzw"}),
    ("TIFF", "RGB", {}),
    ("TIFF", "RGB", {"big_tiff": True}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("TIFF", "RGBA", {"compression": "tiff_adobe_deflate"}),
    ("WEBP", "RGB", {"lossless": True}),
    ("WEBP", "RGBA", {}),
]
MUTATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.floats(0, 1), st.integers(0, 255)),
        st.tuples(st.just("set"), st.floats(0, 0.1), st.integers(0, 255)),
        st.tuples(st.just("flip"), st.floats(0, 1), st.integers(0, 7)),
        st.tuples(st.just("insert"), st.floats(0, 1), st.binary(min_size=1, max_size=9)),
        st.tuples(st.just("delete"), st.floats(0, 1), st.integers(1, 9)),
        st.tuples(st.just("cut"), st.floats(0, 1), st.none()),
    ),
    min_size=1,
    max_size=8,
)
many = settings(max_examples=300)


@pytest.fixture
def source(request, make_file, make_pixels, icc_profile):
    """A small file with all the metadata that its format takes."""
    image_format, mode, options = request.param
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.ExposureTime: 0.5}
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitude: (48.0, 12.0, 30.0)}
    metadata = {"exif": exif.tobytes(), "icc_profile": icc_profile, "dpi": (72, 72)}
    if options.get("compression"):
        del metadata["exif"]  # libtiff through Pillow cannot write it
    image = Image.fromarray(make_pixels(20, 24)).convert("RGB")
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    return make_file(image_format, image=image, **metadata, **options)


def mutate(data, mutations):
    data = bytearray(data)
    for kind, where, value in mutations:
        place = int(where * (len(data) - 1)) if data else 0
        match kind:
            case "set":
                data[place : place + 1] = [value]
            case "flip" if data:
                data[place] ^= 1 << value
            case "insert":
                data[place:place] = value
            case "delete":
                del data[place : place + value]
            case "cut":
                del data[place:]
    return bytes(data)


def check(data):
    """Decode and send back as it came; anything but an `ImagingError` fails the test."""
    try:
        probe(data)
        image = decode(data, LIMITS)
    except ImagingError:
        return
    assert isinstance(image, DecodedImage)
    assert image.pixels.dtype == image.info.dtype
    assert image.pixels.shape[:2] in {
        (image.info.header.height, image.info.header.width),
        (image.info.header.width, image.info.header.height),
    }
    format_ = image.info.header.format
    if image.alpha is None or format_ is not ImageFormat.BMP:
        assert encode(image.pixels, like=image)


@pytest.mark.slow
@pytest.mark.parametrize("source", VARIANTS, indirect=True, ids=str)
@many
@given(mutations=MUTATIONS)
def test_a_damaged_file_is_an_image_or_a_typed_error(source, mutations):
    check(mutate(source, mutations))


@many
@given(
    start=st.sampled_from(
        [
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"II*\0",
            b"MM\0+",
            b"BM",
            b"RIFF\x40\0\0\0WEBPVP8 ",
            b"RIFF\x40\0\0\0WEBPVP8X",
            b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
            b"",
        ]
    ),
    rest=st.binary(max_size=4 * SIGNATURE_BYTES),
)
def test_a_signature_with_anything_behind_it_is_an_image_or_a_typed_error(start, rest):
    check(start + rest)


def test_an_undamaged_file_passes_the_same_check(make_file):
    for image_format in ImageFormat:
        data = make_file(image_format.name)
        check(data)
        assert decode(data, LIMITS).info.header.format is image_format
