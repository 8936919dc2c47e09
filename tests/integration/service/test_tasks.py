"""A task is asked for, and the model that fits the image does it."""

from typing import Any

import numpy as np
import pytest

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
    assert list(tasks)[:4] == ["denoise", "super-resolution", "demosaic", "defocus-deblur"]
    denoise = tasks["denoise"]
    assert (denoise["channels"], denoise["scales"], denoise["max_side"]) == ([1, 3], [1], 5000)
    assert "png" in denoise["formats"]
    assert {model["name"] for model in denoise["models"]} == {"denoise-color", "denoise-gray"}
    model = denoise["models"][0]
    assert (model["tile"], model["precision"], model["version"]) == (64, "fp32", "1")
    assert model["sha256"] == contract("denoise-color").sha256
    assert 0 < model["seconds_per_megapixel"] < 1000
    assert tasks["super-resolution"]["parameters"] == [
        {"name": "scale", "values": ["2", "3"], "required": True}
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
