"""A photo is judged by a part of it, and a result blended with what it was made of."""

import io
from typing import Any

import httpx
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from tests.camera_raw import dng
from tests.integration.service.models import TILE
from tests.integration.service.stack import Stack, photo, read, write
from tests.integration.service.test_photos import photographers_file

pytestmark = pytest.mark.integration


def send(
    stack: Stack, content: bytes, task: str, right: bytes | None = None, **parameters: str
) -> httpx.Response:
    files = {"file": ("p", content)} | ({} if right is None else {"file_right": ("r", right)})
    return stack.client.post("/v1/jobs", data={"task": task, **parameters}, files=files)


def restore(
    stack: Stack, content: bytes, task: str, right: bytes | None = None, **parameters: str
) -> tuple[dict[str, Any], bytes]:
    answer = send(stack, content, task, right, **parameters)
    assert answer.status_code == 202, answer.text
    job = stack.wait_end(answer.json()["id"])
    assert job["status"] == "succeeded", job
    return job, stack.result(job["id"])


def samples_of(content: bytes) -> np.ndarray:
    if content[:2] in {b"II", b"MM"}:
        return tifffile.imread(io.BytesIO(content))
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean(np.square(one.astype(float) - other))))


def test_a_region_is_a_part_of_the_whole_result_and_only_its_tiles_are_restored(
    stack: Stack,
) -> None:
    content = write(photo(300, 400))
    whole, result = restore(stack, content, "blurring")
    part, patch = restore(stack, content, "blurring", region="130,90,40,32")
    np.testing.assert_array_equal(read(patch), read(result)[90:122, 130:170])
    assert (part["output"]["width"], part["output"]["height"]) == (40, 32)
    assert part["options"] == {"region": {"left": 130, "top": 90, "width": 40, "height": 32}}
    assert part["progress"]["tiles_total"] <= 4 < whole["progress"]["tiles_total"]
    assert part["progress"]["tiles_done"] == part["progress"]["tiles_total"]


def test_both_previews_of_a_region_show_the_region(stack: Stack) -> None:
    pixels = np.full((200, 260, 3), 40, np.uint8)
    pixels[100:150, 60:140] = (200, 90, 10)
    for content in (write(pixels), write(np.dstack([pixels, np.full((200, 260), 255, np.uint8)]))):
        job, _ = restore(stack, content, "identity", region="60,100,80,50")
        for of in ("input", "result"):
            answer = stack.client.get(f"/v1/jobs/{job['id']}/preview", params={"of": of})
            with Image.open(io.BytesIO(answer.content)) as image:
                assert image.size == (80, 50)
                shown = np.asarray(image.convert("RGB")).astype(int)
            assert np.abs(shown - (200, 90, 10)).max() < 12


def test_a_region_of_a_turned_deep_photo_with_alpha_is_in_upright_coordinates(
    stack: Stack,
) -> None:
    content, upright, profile = photographers_file()  # 60 x 80 when it is upright
    job, result = restore(stack, content, "identity", region="10,50,40,30")
    np.testing.assert_array_equal(samples_of(result), upright[50:80, 10:50])
    assert [warning["code"] for warning in job["warnings"]] == ["orientation-applied"]
    with Image.open(io.BytesIO(result)) as image:
        assert image.info["icc_profile"] == profile
        assert image.getexif()[ExifTags.Base.Make] == "Maker"


def test_a_region_of_an_enlarged_photo_with_alpha_is_enlarged(stack: Stack) -> None:
    pixels = np.dstack([photo(100, 120), photo(100, 120, seed=3)[..., 0] | 1])
    _, result = restore(stack, write(pixels), "super-resolution", scale="3")
    _, patch = restore(stack, write(pixels), "super-resolution", scale="3", region="33,40,50,20")
    np.testing.assert_array_equal(samples_of(patch), samples_of(result)[120:180, 99:249])


@pytest.mark.parametrize("place", [(0, 0), (31, 17)])
def test_a_region_of_a_mosaic_and_of_a_camera_raw_file_is_in_the_developed_photo(
    stack: Stack, place: tuple[int, int]
) -> None:
    left, top = place
    region = f"{left},{top},25,21"
    sensor = np.random.default_rng(0).integers(300, 4000, (48, 64), np.uint16)
    png = io.BytesIO()
    Image.fromarray(sensor).save(png, "PNG")
    raw = dng(sensor, preview=True, crop=(2, 2, 60, 44)).getvalue()
    kinds: list[tuple[bytes, dict[str, str]]] = [(png.getvalue(), {"pattern": "RGGB"}), (raw, {})]
    for content, parameters in kinds:
        _, result = restore(stack, content, "demosaic", **parameters)
        _, patch = restore(stack, content, "demosaic", region=region, **parameters)
        whole = samples_of(result)
        np.testing.assert_array_equal(samples_of(patch), whole[top : top + 21, left : left + 25])


def test_a_region_and_a_strength_of_two_views_are_those_of_the_left_one(stack: Stack) -> None:
    views = [photo(90, 100, seed=seed) for seed in range(2)]
    left, right = (write(view) for view in views)
    settings = {"region": "20,30,64,40"}
    _, whole = restore(stack, left, "defocus-deblur", right)
    _, patch = restore(stack, left, "defocus-deblur", right, **settings)
    np.testing.assert_array_equal(read(patch), read(whole)[30:70, 20:84])
    _, patch = restore(stack, left, "defocus-deblur", right, strength="0", **settings)
    np.testing.assert_array_equal(read(patch), views[0][30:70, 20:84])


def test_gray_stays_gray(stack: Stack) -> None:
    gray = photo(100, 130)[..., 0]
    for task in ("denoise", "blurring"):
        _, result = restore(stack, write(gray), task, region="16,20,90,64", strength="0")
        np.testing.assert_array_equal(samples_of(result), gray[20:84, 16:106])


@pytest.mark.parametrize("deep", [False, True])
def test_a_strength_goes_from_the_photo_to_the_result(stack: Stack, deep: bool) -> None:
    pixels = photo(100, 130).astype(np.uint16 if deep else np.uint8)
    source = io.BytesIO()
    tifffile.imwrite(source, pixels * 257 if deep else pixels, photometric="rgb")
    content = source.getvalue()
    plain, none, half, full = (
        samples_of(restore(stack, content, "blurring", **given)[1])
        for given in ({}, {"strength": "0"}, {"strength": "50"}, {"strength": "100"})
    )
    np.testing.assert_array_equal(none, samples_of(content))
    np.testing.assert_array_equal(full, plain)
    unit = 257 if deep else 1
    none, half, full = none / unit, half / unit, full / unit
    assert psnr(half, none) > psnr(full, none) + 5
    assert psnr(half, full) > psnr(none, full) + 5


def test_without_strength_an_enlargement_is_bicubic(stack: Stack) -> None:
    pixels = photo(100, 130)
    _, result = restore(stack, write(pixels), "super-resolution", scale="2", strength="0")
    wanted = Image.fromarray(pixels).resize((260, 200), Image.Resampling.BICUBIC)
    # Pillow rounds 8 bits once for each axis.
    assert np.abs(read(result).astype(int) - np.asarray(wanted)).max() <= 1


def test_the_quota_counts_the_pixels_of_the_tiles_of_a_region(stack: Stack) -> None:
    content = write(photo(600, 700))
    part, _ = restore(stack, content, "identity", region="300,300,20,20")
    counted = int(stack.record(part["id"])["pixels"])
    assert TILE**2 <= counted <= (2 * TILE) ** 2
    whole, _ = restore(stack, content, "identity")
    assert int(stack.record(whole["id"])["pixels"]) == 600 * 700


@pytest.mark.parametrize(
    ("parameters", "limit", "actual"),
    [
        ({"region": "0,0,10"}, "x,y,width,height", "0,0,10"),
        ({"region": "0,0,10,-3"}, "x,y,width,height", "0,0,10,-3"),
        ({"region": "0,0,0,20"}, "x,y,width,height", "0,0,0,20"),
        ({"region": "20,20,30,21"}, "0,0,50,40", "20,20,30,21"),
        ({"region": "0,0,9999,9999"}, "0,0,50,40", "0,0,9999,9999"),
        ({"region": "0,0,40,15"}, 16, 15),
        ({"strength": "101"}, "0 to 100", "101"),
        ({"strength": "half"}, "0 to 100", "half"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_the_limit_and_the_actual_value(
    stack: Stack, parameters: dict[str, str], limit: int | str, actual: int | str
) -> None:
    answer = send(stack, write(photo(40, 50)), "identity", **parameters)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert (problem["code"], problem["limit"], problem["actual"]) == (
        "invalid-parameter",
        limit,
        actual,
    )


def test_a_batch_refuses_the_photos_that_lack_the_region(stack: Stack) -> None:
    large, small = photo(120, 150), photo(40, 50)
    answer = stack.client.post(
        "/v1/batches",
        data={"task": "identity", "region": "60,60,40,30", "strength": "30"},
        files=[("file", ("large", write(large))), ("file", ("small", write(small)))],
    )
    assert answer.status_code == 202, answer.text
    done, refused = answer.json()["items"]
    assert (refused["status"], refused["error"]["code"]) == ("refused", "invalid-parameter")
    stack.wait_end(done["job_id"])
    np.testing.assert_array_equal(read(stack.result(done["job_id"])), large[60:90, 60:100])
