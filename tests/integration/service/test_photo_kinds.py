"""Nothing of a photo is lost without a note: files of many kinds over HTTP, drawn by the tests."""

import hashlib
import io
import struct
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
import tifffile
from PIL import Image

from hiir.imaging.color import srgb_profile
from hiir.imaging.exif_block import OWN, PREFIX, NewField, integers, joined
from hiir.imaging.photoshop_resources import wrap_iptc
from hiir.imaging.png_chunks import pack_chunk
from hiir.imaging.tiff_fields import EXIF_IFD, INTEROP_IFD, SHORT
from tests.camera_raw import dng
from tests.integration.service.stack import Stack, photo, write

pytestmark = pytest.mark.integration
PIXELS = photo(48, 64)


def send(stack: Stack, content: bytes, **parameters: str) -> httpx.Response:
    return stack.client.post(
        "/v1/jobs", data={"task": "identity", **parameters}, files={"file": ("p", content)}
    )


def restore(stack: Stack, content: bytes, **parameters: str) -> tuple[list[str], bytes]:
    answer = send(stack, content, **parameters)
    assert answer.status_code == 202, answer.text
    job = stack.wait_end(answer.json()["id"])
    assert job["status"] == "succeeded", job
    return [warning["code"] for warning in job["warnings"]], stack.result(job["id"])


def refused(stack: Stack, content: bytes, **parameters: str) -> dict[str, Any]:
    answer = send(stack, content, **parameters)
    assert answer.status_code in {415, 422}, answer.text
    problem: dict[str, Any] = answer.json()
    return problem


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def sensor() -> np.ndarray:
    return np.random.default_rng(0).integers(300, 4000, (48, 64), np.uint16)


def png_with(*chunks: tuple[bytes, bytes]) -> bytes:
    content = write(PIXELS)
    return content[:33] + b"".join(pack_chunk(*chunk) for chunk in chunks) + content[33:]


def jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    content = write(PIXELS, "JPEG", quality=95)
    made = b"".join(
        struct.pack(">BBH", 0xFF, code, len(data) + 2) + data for code, data in segments
    )
    return content[:2] + made + content[2:]


def tiff(samples: np.ndarray, **options: Any) -> bytes:
    output = io.BytesIO()
    tifffile.imwrite(output, samples, photometric="rgb", metadata=None, **options)
    return output.getvalue()


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("is_dng", [True, False])
def test_camera_raw_is_never_its_preview(stack: Stack, preview: bool, is_dng: bool) -> None:
    content = dng(sensor(), preview=preview, is_dng=is_dng).getvalue()
    problem = refused(stack, content)
    assert problem["code"] == "unsupported-image-format"
    assert "camera raw" in problem["detail"]
    assert "demosaic" in problem["detail"]


def test_camera_raw_is_developed_with_its_crop_its_metadata_and_a_profile(stack: Stack) -> None:
    content = dng(sensor(), preview=True, crop=(4, 2, 48, 40)).getvalue()
    warnings, result = restore(stack, content, task="demosaic")
    image = opened(result)
    assert (image.size, warnings) == ((48, 40), [])
    exif = image.getexif()
    assert (exif[271], exif[272], exif[306]) == ("Maker", "Camera", "2021:05:05 10:10:10")
    assert image.info["icc_profile"] == srgb_profile()


def test_color_without_a_profile_is_kept_or_converted(stack: Stack) -> None:
    warnings, result = restore(stack, png_with((b"gAMA", struct.pack(">I", 100_000))))
    assert warnings == ["color-converted"]
    assert opened(result).info["icc_profile"] == srgb_profile()
    points = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    warnings, result = restore(
        stack, png_with((b"gAMA", struct.pack(">I", 45455)), (b"cHRM", points))
    )
    assert warnings == []
    assert opened(result).info["icc_profile"]
    np.testing.assert_array_equal(np.asarray(opened(result)), PIXELS)
    problem = refused(stack, png_with((b"cICP", bytes([9, 16, 0, 1]))))
    assert problem["code"] == "unsupported-pixel-mode"


def test_adobe_rgb_of_a_camera_is_kept_and_converted_where_it_is_asked_for(stack: Stack) -> None:
    block = joined(
        "<",
        {
            OWN: [NewField(tag=271, kind=2, count=6, data=b"Maker\0")],
            EXIF_IFD: [integers("<", 40961, SHORT, (65535,))],
            INTEROP_IFD: [NewField(tag=1, kind=2, count=4, data=b"R03\0")],
        },
    )
    assert block is not None
    content = jpeg_with((0xE1, PREFIX + block))
    warnings, result = restore(stack, content)
    assert warnings == []
    assert opened(result).info["icc_profile"] != srgb_profile()
    assert b"R03\0" in opened(result).info["exif"]
    warnings, result = restore(stack, content, color="srgb")
    assert warnings == ["color-converted"]
    assert opened(result).info["icc_profile"] == srgb_profile()
    assert b"R98\0" in opened(result).info["exif"]


def test_iptc_and_comment_are_kept_and_noted_where_they_cannot_be(stack: Stack) -> None:
    block = wrap_iptc(b"\x1c\x02\x78\0\x05Birds")
    content = jpeg_with((0xED, b"Photoshop 3.0\0" + block), (0xFE, b"A comment"))
    warnings, result = restore(stack, content)
    assert warnings == []
    assert ("APP13", b"Photoshop 3.0\0" + block) in opened(result).applist  # type: ignore[attr-defined]
    assert opened(result).info["comment"] == b"A comment"
    assert restore(stack, content, format="webp")[0] == ["metadata-dropped"] * 2


def test_a_motion_photo_comes_back_without_its_video_and_without_word_of_it(stack: Stack) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-'
        b'syntax-ns#"><r:Description xmlns:C="http://ns.google.com/photos/1.0/camera/" '
        b'C:MotionPhoto="1"/></r:RDF></x:xmpmeta>'
    )
    content = jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp))
    warnings, result = restore(stack, content + b"\0\0\0\x18ftypmp42" + bytes(range(1, 250)))
    assert warnings == ["parts-dropped"]
    assert b"MotionPhoto" not in result
    assert b"ftypmp42" not in result


def test_an_extension_of_xmp_is_kept(stack: Stack) -> None:
    extended = b"<x>" + b"history " * 10_000 + b"</x>"
    name = hashlib.md5(extended).hexdigest().upper().encode()
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmpNote:HasExtendedXMP="' + name + b'"/>'
    parts = [
        (
            0xE1,
            b"http://ns.adobe.com/xmp/extension/\0"
            + name
            + struct.pack(">II", len(extended), place)
            + extended[place : place + 60_000],
        )
        for place in range(0, len(extended), 60_000)
    ]
    content = jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp), *parts)
    warnings, result = restore(stack, content)
    assert warnings == []
    assert (
        b"".join(part[75:] for _, part in opened(result).applist if b"xmp/ext" in part) == extended
    )  # type: ignore[attr-defined]


def test_a_lossless_webp_stays_lossless(stack: Stack) -> None:
    warnings, result = restore(stack, write(PIXELS, "WEBP", lossless=True))
    assert warnings == []
    assert b"VP8L" in result[:40]
    np.testing.assert_array_equal(np.asarray(opened(result)), PIXELS)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "float32": (lambda: tiff(PIXELS.astype(np.float32)), "floating point, 32 bits"),
    "float16": (lambda: tiff(PIXELS.astype(np.float16)), "floating point, 16 bits"),
    "uint32": (lambda: tiff(PIXELS.astype(np.uint32)), "32 bits"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_samples_that_are_not_supported_are_named(stack: Stack, kind: str) -> None:
    make, actual = REFUSED[kind]
    problem = refused(stack, make())
    assert (problem["code"], problem["actual"]) == ("unsupported-pixel-mode", actual)


def test_extra_channels_are_noted_and_a_thumbnail_is_no_page(stack: Stack) -> None:
    five = np.dstack([PIXELS, PIXELS[..., :2]])
    warnings, result = restore(stack, tiff(five, extrasamples=["unspecified"] * 2))
    assert warnings == ["channels-dropped"]
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(result)), PIXELS)
    output = io.BytesIO()
    with tifffile.TiffWriter(output) as writer:
        writer.write(PIXELS, photometric="rgb", metadata=None)
        writer.write(PIXELS[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    warnings, result = restore(stack, output.getvalue())
    assert warnings == []
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(result)), PIXELS)


def test_pixels_that_are_not_square_and_text_of_a_png_are_kept(stack: Stack) -> None:
    chunks = ((b"pHYs", struct.pack(">IIB", 2, 1, 0)), (b"tEXt", b"Author\0Somebody"))
    warnings, result = restore(stack, png_with(*chunks))
    assert warnings == []
    for chunk in chunks:
        assert pack_chunk(*chunk) in result
    damaged = png_with(*chunks).replace(b"Somebody", b"somebody")
    assert restore(stack, damaged)[0] == ["metadata-dropped"]
