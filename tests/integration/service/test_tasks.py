"""A task is asked for, and the model that fits the image does it."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from hiir.imaging import BayerPattern, ImageLimits, decode, demosaic_malvar, from_unit, to_unit
from tests.camera_raw import curve, dng
from tests.integration.service.models import contract
from tests.integration.service.stack import Stack, photo, read, write

pytestmark = pytest.mark.integration
COLOUR = photo(110, 160)
GRAY = COLOUR[..., 1]


def send(stack: Stack, pixels: np.ndarray, **fields: Any) -> dict[str, Any]:
    answer = stack.client.post("/v1/jobs", data=fields, files={"file": ("a.png", write(pixels))})
    assert answer.status_code == 202, answer.text
    job = stack.wait_end(answer.json()["id"])
    assert job["status"] == "succeeded", job
    return job


def test_tasks_are_listed_with_parameters_limits_and_models(stack: Stack) -> None:
    send(stack, COLOUR, task="denoise")
    tasks = {task["name"]: task for task in stack.client.get("/v1/tasks").json()["tasks"]}
    assert list(tasks)[:4] == [
        "denoise",
        "jpeg-artifacts",
        "super-resolution",
        "demosaic",
    ]
    denoise = tasks["denoise"]
    assert (denoise["channels"], denoise["scales"], denoise["max_side"]) == ([1, 3], [1], 5000)
    assert "png" in denoise["formats"]
    assert {model["name"] for model in denoise["models"]} == {"denoise-color", "denoise-gray"}
    model = denoise["models"][0]
    assert (model["tile"], model["precision"], model["version"]) == (64, "fp32", "1")
    assert model["sha256"] == contract("denoise-color").sha256
    assert 0 < model["seconds_per_megapixel"] < 1000
    assert tasks["super-resolution"]["parameters"] == [
        {"name": "scale", "values": ["2", "3"], "required": True, "minimum": None, "maximum": None}
    ]


@pytest.mark.parametrize(
    ("pixels", "model"), [(COLOUR, "denoise-color"), (GRAY, "denoise-gray")], ids=["colour", "gray"]
)
def test_colour_and_gray_go_to_their_own_models(
    stack: Stack, pixels: np.ndarray, model: str
) -> None:
    job = send(stack, pixels, task="denoise")
    assert (job["task"], job["model"], job["parameters"]) == ("denoise", model, {})
    answer = stack.client.get(job["urls"]["result"])
    np.testing.assert_array_equal(read(answer.content), pixels)
    assert answer.headers["x-model"] == model
    assert answer.headers["x-model-version"] == job["model_version"] == "1"
    assert answer.headers["x-model-sha256"] == job["model_sha256"]


@pytest.mark.parametrize("scale", [2, 3])
def test_scale_says_by_how_much_an_image_grows(stack: Stack, scale: int) -> None:
    job = send(stack, COLOUR, task="super-resolution", scale=scale)
    assert (job["model"], job["parameters"]) == (f"sr-x{scale}", {"scale": str(scale)})
    grown = COLOUR.repeat(scale, axis=0).repeat(scale, axis=1)
    np.testing.assert_array_equal(read(stack.result(job["id"])), grown)
    assert (job["output"]["width"], job["output"]["height"]) == (160 * scale, 110 * scale)


@pytest.mark.parametrize(
    ("fields", "code", "limit"),
    [
        ({"task": "super-resolution"}, "missing-parameter", "2, 3"),
        ({"task": "super-resolution", "scale": "4"}, "invalid-parameter", "2, 3"),
        ({"task": "denoise", "scale": "2"}, "unknown-parameter", "none"),
        ({"task": "denoise-gray"}, "no-model-for-image", "gray images"),
    ],
)
def test_what_a_task_cannot_do_is_told(
    stack: Stack, fields: dict[str, str], code: str, limit: str
) -> None:
    before = stack.stored()
    answer = stack.client.post("/v1/jobs", data=fields, files={"file": ("a.png", write(COLOUR))})
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (422, code, limit)
    assert stack.stored() == before


def test_model_can_be_asked_for_by_its_own_name(stack: Stack) -> None:
    assert send(stack, GRAY, task="denoise-color")["model"] == "denoise-color"


def to_file(pixels: np.ndarray, image_format: str) -> bytes:
    """8 or 16 bits, gray or colour; Pillow has no colour of 16 bits."""
    output = io.BytesIO()
    if image_format == "tiff":
        kind = "rgb" if pixels.ndim == 3 else "minisblack"
        tifffile.imwrite(output, pixels, photometric=kind)
    else:
        Image.fromarray(pixels).save(output, image_format)
    return output.getvalue()


def post(stack: Stack, files: dict[str, bytes], **fields: str) -> Any:
    return stack.client.post(
        "/v1/jobs", data=fields, files={name: (name, content) for name, content in files.items()}
    )


def restored(stack: Stack, answer: Any) -> tuple[dict[str, Any], bytes]:
    assert answer.status_code == 202, answer.text
    job = stack.wait_end(answer.json()["id"])
    assert job["status"] == "succeeded", job
    return job, stack.result(job["id"])


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_mosaic_of_8_bits_comes_back_as_a_photo(stack: Stack, pattern: str) -> None:
    answer = post(stack, {"file": write(GRAY)}, task="demosaic", pattern=pattern)
    job, content = restored(stack, answer)
    assert (job["model"], job["parameters"]) == ("demosaic", {"pattern": pattern})
    malvar = demosaic_malvar(to_unit(GRAY[..., np.newaxis]), BayerPattern(pattern.lower()))
    np.testing.assert_array_equal(read(content), from_unit(malvar, np.uint8))


@pytest.mark.parametrize("image_format", ["png", "tiff"])
def test_mosaic_of_16_bits_comes_back_in_16_bits(stack: Stack, image_format: str) -> None:
    mosaic = np.random.default_rng(0).integers(0, 65536, (110, 160), np.uint16)
    answer = post(stack, {"file": to_file(mosaic, image_format)}, task="demosaic", pattern="GRBG")
    _, content = restored(stack, answer)
    malvar = demosaic_malvar(to_unit(mosaic[..., np.newaxis]), BayerPattern.GRBG)
    decoded = decode(content, ImageLimits())
    assert decoded.info.header.format.value == image_format
    assert decoded.info.bit_depth == 16
    # Tiles are added up in float32, whose steps near white are a sixteen-bit level's tenth.
    assert np.abs(decoded.pixels[:] - from_unit(malvar, np.uint16).astype(int)).max() <= 1


def test_camera_raw_file_comes_back_as_an_upright_photo_in_srgb(stack: Stack) -> None:
    scene = np.empty((110, 160), np.uint16)
    light = {"r": 0.2, "g": 0.4, "b": 0.1}
    for place, colour in enumerate("gbrg"):
        row, column = divmod(place, 2)
        scene[row::2, column::2] = round(256 + light[colour] * (4095 - 256))
    content = dng(scene, pattern="gbrg", orientation=6).getvalue()
    job, result = restored(stack, post(stack, {"file": content}, task="demosaic"))
    assert (job["input"]["format"], job["output"]["format"]) == ("camera-raw", "tiff")
    photo_of_it = decode(result, ImageLimits())
    assert photo_of_it.info.shape == (160, 110, 3)
    assert photo_of_it.info.bit_depth == 16
    levels = photo_of_it.pixels[:].reshape(-1, 3).mean(axis=0) / 65535
    np.testing.assert_allclose(levels, [curve(light[colour]) for colour in "rgb"], atol=0.01)


@pytest.mark.parametrize(
    ("content", "fields", "status", "code"),
    [
        (write(GRAY), {}, 422, "missing-parameter"),
        (to_file(GRAY, "tiff"), {}, 422, "missing-parameter"),
        (write(GRAY), {"pattern": "RGBG"}, 422, "invalid-parameter"),
        (write(COLOUR), {"pattern": "RGGB"}, 422, "unsupported-pixel-mode"),
        (write(GRAY, "JPEG"), {"pattern": "RGGB"}, 415, "unsupported-image-format"),
        (b"neither photo nor mosaic", {}, 415, "unsupported-image-format"),
    ],
)
def test_what_is_no_mosaic_is_refused(
    stack: Stack, content: bytes, fields: dict[str, str], status: int, code: str
) -> None:
    answer = post(stack, {"file": content}, task="demosaic", **fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["detail"]


@pytest.mark.parametrize("gray", [True, False])
def test_two_views_become_one_photo(stack: Stack, gray: bool) -> None:
    left, right = COLOUR // 2, photo(110, 160, seed=7) // 2
    if gray:
        left, right = left[..., 0], right[..., 0]
    files = {"file": write(2 * left), "file_right": write(2 * right)}
    job, content = restored(stack, post(stack, files, task="defocus-deblur"))
    assert job["model"] == "deblur-defocus-dp"
    assert job["input"]["bytes"] == sum(map(len, files.values()))
    np.testing.assert_array_equal(read(content), left + right)


def test_one_view_goes_to_the_model_of_one_view(stack: Stack) -> None:
    job, content = restored(stack, post(stack, {"file": write(COLOUR)}, task="defocus-deblur"))
    assert job["model"] == "deblur-defocus"
    np.testing.assert_array_equal(read(content), COLOUR)


@pytest.mark.parametrize(
    "right",
    [
        write(photo(110, 161)),
        write(COLOUR, "WEBP", lossless=True),
        write(GRAY),
        to_file(COLOUR.astype(np.uint16) * 257, "tiff"),
    ],
    ids=["size", "format", "colour", "depth"],
)
def test_views_that_differ_are_refused(stack: Stack, right: bytes) -> None:
    left = to_file(COLOUR, "tiff") if right[:2] == b"II" else write(COLOUR)
    before = stack.stored()
    answer = post(stack, {"file": left, "file_right": right}, task="defocus-deblur")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "views-differ"), problem
    assert problem["limit"] != problem["actual"]
    assert stack.stored() == before


def test_second_view_is_refused_where_nobody_wants_it(stack: Stack) -> None:
    files = {"file": write(COLOUR), "file_right": write(COLOUR)}
    answer = post(stack, files, task="denoise")
    assert (answer.status_code, answer.json()["code"]) == (422, "no-model-for-image")


def test_body_that_is_an_image_cannot_carry_a_second_one_and_says_so(stack: Stack) -> None:
    answer = stack.client.post(
        "/v1/jobs?task=defocus-deblur&file_right=right.png",
        content=write(COLOUR),
        headers={"content-type": "image/png"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-parameter")
    assert "multipart/form-data" in answer.json()["detail"]
