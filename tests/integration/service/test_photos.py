"""A photo stays a photo: depth, colours, transparency, metadata, and what a request asks for."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from tests.integration.service.stack import Stack, photo, read, write
from tests.prophoto import prophoto_profile

pytestmark = pytest.mark.integration
GPS_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-'
    b'ns#"><r:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="48,12N" '
    b'exif:FNumber="28/10"/></r:RDF></x:xmpmeta>'
)


def restore(stack: Stack, content: bytes, **parameters: str) -> tuple[dict[str, Any], bytes]:
    answer = stack.client.post(
        "/v1/jobs", data={"task": "identity", **parameters}, files={"file": ("p", content)}
    )
    assert answer.status_code == 202, answer.text
    job = stack.wait_end(answer.json()["id"])
    assert job["status"] == "succeeded", job
    return job, stack.result(job["id"])


def refusal(stack: Stack, content: bytes, **parameters: str) -> tuple[int, str]:
    answer = stack.client.post(
        "/v1/jobs", data={"task": "identity", **parameters}, files={"file": ("p", content)}
    )
    return answer.status_code, answer.json()["code"]


def codes(job: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in job["warnings"]]


def photographers_file() -> tuple[bytes, np.ndarray, bytes]:
    """16-bit TIFF in ProPhoto RGB, with EXIF, GPS, XMP, orientation 6 and alpha; its samples."""
    samples = np.random.default_rng(6).integers(1, 65_536, (60, 80, 4), dtype=np.uint16)
    profile = prophoto_profile()
    directory = ImageFileDirectory_v2()
    directory.update({256: 80, 257: 60, 258: (16,) * 4, 259: 1, 262: 2, 277: 4, 278: 60, 338: 2})
    directory.update({274: 6, 282: 300.0, 283: 300.0, 296: 2, 700: GPS_XMP, 34675: profile})
    directory[ExifTags.Base.Make] = "Maker"
    directory[ExifTags.IFD.Exif] = {ExifTags.Base.ExposureTime: 0.5}
    directory[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitude: (48.0, 12.0, 30.0)}
    directory[273], directory[279] = 0, samples.nbytes
    output = io.BytesIO()
    directory.save(output)
    output.write(samples.astype("<u2").tobytes())
    return output.getvalue(), np.rot90(samples, -1), profile


@pytest.mark.parametrize("metadata", ["keep", "keep-no-gps"])
def test_a_photographers_file_comes_back_right(stack: Stack, metadata: str) -> None:
    content, upright, profile = photographers_file()
    job, result = restore(stack, content, metadata=metadata)
    assert codes(job) == ["orientation-applied"]
    assert (job["output"]["width"], job["output"]["height"]) == (60, 80)
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(result)), upright)
    with Image.open(io.BytesIO(result)) as image:
        exif = image.getexif()
        assert ExifTags.Base.Orientation not in exif
        assert exif[ExifTags.Base.Make] == "Maker"
        assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] == 0.5
        assert image.info["icc_profile"] == profile
        assert image.info["dpi"] == (300.0, 300.0)
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
        assert b"28/10" in image.info["xmp"]
        if metadata == "keep":
            assert place[ExifTags.GPS.GPSLatitude] == (48.0, 12.0, 30.0)
            assert image.info["xmp"] == GPS_XMP
        else:
            assert place == {}
            assert b"GPS" not in image.info["xmp"]
            assert b"GPSLatitude" not in result


def test_deep_gray_is_restored_deep_and_gray_by_either_kind_of_model(stack: Stack) -> None:
    ramp = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    source = io.BytesIO()
    Image.fromarray(ramp).save(source, "PNG")
    for task in ("denoise", "identity"):
        job, result = restore(stack, source.getvalue(), task=task)
        with Image.open(io.BytesIO(result)) as image:
            assert image.mode == "I;16"
            np.testing.assert_array_equal(np.asarray(image), ramp)
        assert job["warnings"] == []


def test_wishes_are_met_and_what_they_changed_is_told(stack: Stack) -> None:
    samples = np.dstack([photo(40, 50), np.full((40, 50), 255, np.uint8)])
    samples[:20, :, 3] = 0
    content = write(samples)
    job, result = restore(stack, content, format="jpeg", background="#ffffff", quality="99")
    assert codes(job) == ["alpha-flattened"]
    assert job["output"]["format"] == "jpeg"
    assert job["options"] == {"format": "jpeg", "background": [255, 255, 255], "quality": 99}
    assert (read(result)[:16] >= 250).all()
    job, result = restore(stack, content, bit_depth="16")
    assert codes(job) == ["bit-depth-changed"]
    assert result[24] == 16
    job, result = restore(stack, content, format="webp", lossless="true")
    seen = samples[..., 3] > 0
    np.testing.assert_array_equal(read(result)[seen], samples[seen])


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"format": "gif"}, 422, "invalid-parameter"),
        ({"quality": "0"}, 422, "invalid-parameter"),
        ({"background": "white"}, 422, "invalid-parameter"),
        ({"frame": "-1"}, 422, "invalid-parameter"),
        ({"frame": "3"}, 422, "frame-not-found"),
        ({"format": "jpeg"}, 422, "output-unsupported"),
        ({"format": "png", "quality": "90"}, 422, "output-unsupported"),
        ({"format": "webp", "bit_depth": "16"}, 422, "output-unsupported"),
        ({"format": "avif", "lossless": "true"}, 422, "output-unsupported"),
    ],
    ids=str,
)
def test_a_wish_that_cannot_be_met_is_refused_before_the_queue(
    stack: Stack, parameters: dict[str, str], status: int, code: str
) -> None:
    before = stack.stored()
    content = write(np.dstack([photo(40, 50), photo(40, 50)[..., :1]]))
    assert refusal(stack, content, **parameters) == (status, code)
    assert stack.stored()[0] <= before[0]


def test_accept_chooses_the_format_and_none_is_406(stack: Stack) -> None:
    files = {"file": ("p.png", write(photo(40, 50)))}

    def post(accept: str) -> Any:
        return stack.client.post(
            "/v1/jobs", data={"task": "identity"}, files=files, headers={"Accept": accept}
        )

    job = stack.wait_end(post("image/gif, image/webp;q=0.5, image/tiff").json()["id"])
    assert job["output"]["format"] == "tiff"
    refused = post("image/gif")
    assert (refused.status_code, refused.json()["code"]) == (406, "not-acceptable")
    result = f"/v1/jobs/{job['id']}/result"
    for accept, status in (("image/png", 406), ("image/*", 200), ("*/*", 200)):
        assert stack.client.get(result, headers={"Accept": accept}).status_code == status


def test_a_page_of_several_is_restored_where_it_is_named(stack: Stack) -> None:
    pages = [Image.fromarray(photo(32, 40, seed=seed)) for seed in range(3)]
    output = io.BytesIO()
    pages[0].save(output, "TIFF", save_all=True, append_images=pages[1:])
    assert refusal(stack, output.getvalue()) == (422, "too-many-frames")
    job, result = restore(stack, output.getvalue(), frame="2")
    assert codes(job) == ["frame-selected"]
    np.testing.assert_array_equal(read(result), np.asarray(pages[2]))


def test_alpha_grows_with_an_enlarged_photo(stack: Stack) -> None:
    samples = np.dstack([photo(40, 50), np.full((40, 50), 99, np.uint8)])
    _, result = restore(stack, write(samples), task="super-resolution", scale="2")
    again = read(result)
    assert again.shape == (80, 100, 4)
    assert (again[..., 3] == 99).all()
