"""The Open Inference Protocol: a client of Triton restores photos through jobs like any other."""

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from tritonclient import http as triton_http
from tritonclient.utils import InferenceServerException

from service.keys import Scope
from service.limits import Limits, TenantLimits
from service.settings import AuthMode, CacheSettings
from tests.integration.service.callers import MakeKey, ask
from tests.integration.service.stack import Stack, photo, read, write

pytestmark = pytest.mark.integration
PIXELS = photo(90, 120)
PNG = write(PIXELS)


@pytest.fixture
def client(stack: Stack) -> triton_http.InferenceServerClient:
    return triton_http.InferenceServerClient(f"127.0.0.1:{stack.client.base_url.port}")


def tensor(content: bytes, name: str = "image") -> triton_http.InferInput:
    made = triton_http.InferInput(name, [1], "BYTES")
    made.set_data_from_numpy(np.array([content], dtype=np.object_))
    return made


def as_body(*inputs: tuple[str, bytes], **parameters: Any) -> tuple[bytes, dict[str, str]]:
    """A request with binary data, and its headers."""
    described = [
        {
            "name": name,
            "datatype": "BYTES",
            "shape": [1],
            "parameters": {"binary_data_size": 4 + len(content)},
        }
        for name, content in inputs
    ]
    head = json.dumps({"inputs": described, "parameters": parameters}).encode()
    data = b"".join(struct.pack("<I", len(content)) + content for _, content in inputs)
    return head + data, {"Inference-Header-Content-Length": str(len(head))}


def as_json(content: bytes = PNG, **changes: Any) -> dict[str, Any]:
    image = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1],
        "data": [base64.b64encode(content).decode()],
        **changes,
    }
    return {"id": "my-request", "inputs": [image]}


@pytest.mark.parametrize(
    ("task", "parameters"),
    [
        ("identity", {}),
        ("jpeg-artifacts", {"strength": 60, "format": "jpeg", "quality": 80}),
        ("super-resolution", {"scale": 3, "region": "0,0,64,64", "metadata": "strip"}),
        ("denoise", {"client_metadata": '{"a": "b"}'}),
        ("auto", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tritonclient_gets_the_bytes_of_the_job_api(
    client: triton_http.InferenceServerClient,
    stack: Stack,
    task: str,
    parameters: dict[str, Any],
) -> None:
    job = stack.submit(PNG, task, **{name: str(value) for name, value in parameters.items()})
    stack.wait_end(job["id"])
    made = client.infer(task, [tensor(PNG)], request_id="mine", parameters=parameters)
    (content,) = made.as_numpy("image")
    assert content == stack.result(job["id"])
    answer = made.get_response()
    assert (answer["model_name"], answer["id"]) == (task, "mine")
    job = stack.job(answer["parameters"]["job_id"])
    assert (job["status"], job["output"]["sha256"]) == (
        "succeeded",
        answer["parameters"]["sha256"],
    )
    assert job["client_metadata"] == json.loads(parameters.get("client_metadata", "{}"))


def test_tritonclient_finds_the_service_and_its_tasks(
    client: triton_http.InferenceServerClient,
) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("denoise")
    assert not client.is_model_ready("unknown")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    image = {"name": "image", "datatype": "BYTES", "shape": [1]}
    model = client.get_model_metadata("denoise")
    assert (model["inputs"], model["outputs"]) == ([image], [image])
    two_views = client.get_model_metadata("defocus-deblur")["inputs"]
    assert [item["name"] for item in two_views] == ["image", "image_right"]


def test_tritonclient_shows_why_a_request_is_refused(
    client: triton_http.InferenceServerClient,
) -> None:
    for task, content, parameters, status, code in (
        ("unknown", PNG, {}, "404", "unknown-task"),
        ("identity", b"no image", {}, "415", "unsupported-image-format"),
        ("identity", PNG, {"speed": "high"}, "422", "unknown-parameter"),
        ("identity", PNG, {"dry_run": True}, "422", "invalid-parameter"),
        ("super-resolution", PNG, {}, "422", "missing-parameter"),
    ):
        with pytest.raises(InferenceServerException, match=code) as refused:
            client.infer(task, [tensor(content)], parameters=parameters)
        assert refused.value.status() == status


def test_two_views_are_two_inputs(client: triton_http.InferenceServerClient, stack: Stack) -> None:
    left, right = write(photo(90, 120, seed=1)), write(photo(90, 120, seed=2))
    inputs = [tensor(right, "image_right"), tensor(left)]
    (content,) = client.infer("defocus-deblur", inputs).as_numpy("image")
    job = stack.client.post(
        "/v1/jobs",
        data={"task": "defocus-deblur"},
        files={"file": ("l.png", left), "file_right": ("r.png", right)},
    ).json()
    stack.wait_end(job["id"])
    assert content == stack.result(job["id"])


def test_image_of_several_megabytes_is_streamed_both_ways(
    client: triton_http.InferenceServerClient, stack: Stack
) -> None:
    pixels = photo(1100, 1500)
    (content,) = client.infer("large-identity", [tensor(write(pixels))]).as_numpy("image")
    assert len(content) > 3_000_000
    np.testing.assert_array_equal(read(content), pixels)


def test_json_carries_the_image_in_base64(stack: Stack) -> None:
    answer = stack.client.post("/v2/models/identity/infer", json=as_json())
    assert answer.status_code == 200, answer.text
    body = answer.json()
    (output,) = body["outputs"]
    assert (output["parameters"], body["id"]) == ({"content_type": "base64"}, "my-request")
    np.testing.assert_array_equal(read(base64.b64decode(output["data"][0])), PIXELS)
    assert body["parameters"]["media_type"] == "image/png"


BINARY, LENGTH = as_body(("image", PNG))


@pytest.mark.parametrize(
    ("content", "headers", "code"),
    [
        (b"", {}, "invalid-request"),
        (b"[]", {}, "invalid-request"),
        (BINARY, {}, "invalid-request"),
        (BINARY[:-1], LENGTH, "invalid-request"),
        (BINARY + b"x", LENGTH, "invalid-request"),
        (BINARY, {"Inference-Header-Content-Length": "-1"}, "invalid-request"),
        (BINARY, {"Inference-Header-Content-Length": "70000"}, "invalid-request"),
        (BINARY, {**LENGTH, "Content-Encoding": "gzip"}, "unsupported-media-type"),
        (*as_body(("photo", PNG)), "invalid-request"),
        (*as_body(("image", PNG), ("image", PNG)), "invalid-request"),
        (json.dumps(as_json(datatype="UINT8")).encode(), {}, "invalid-request"),
        (json.dumps(as_json(shape=[2])).encode(), {}, "invalid-request"),
        (json.dumps(as_json(data=["?"])).encode(), {}, "invalid-request"),
        (json.dumps(as_json(data=None)).encode(), {}, "invalid-request"),
        (
            json.dumps(
                as_json(data=None, parameters={"shared_memory_region": "/dev/shm/x"})
            ).encode(),
            {},
            "invalid-request",
        ),
    ],
    ids=range(15),
)
def test_body_that_the_protocol_does_not_allow_is_refused(
    stack: Stack, content: bytes, headers: dict[str, str], code: str
) -> None:
    before, spooled = stack.stored(), stack.spooled()
    answer = stack.client.post("/v2/models/identity/infer", content=content, headers=headers)
    body = answer.json()
    assert 400 <= answer.status_code < 500
    assert body["code"] == code
    assert body["error"] == f"{code}: {body['detail']}"
    assert stack.stored() == before
    assert stack.spooled() <= spooled


def test_large_json_is_to_be_sent_as_binary_data(stack: Stack) -> None:
    answer = stack.client.post("/v2/models/identity/infer", json=as_json(bytes(7_000_000)))
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
    assert "binary data" in answer.json()["error"]


def test_control_surface_of_triton_does_not_exist(stack: Stack) -> None:
    for method, path in (
        ("POST", "/v2/repository/index"),
        ("POST", "/v2/repository/models/identity/load"),
        ("POST", "/v2/repository/models/identity/unload"),
        ("GET", "/v2/systemsharedmemory/status"),
        ("POST", "/v2/systemsharedmemory/region/x/register"),
        ("GET", "/v2/cudasharedmemory/status"),
        ("GET", "/v2/trace/setting"),
        ("POST", "/v2/trace/setting"),
        ("GET", "/v2/logging"),
        ("POST", "/v2/logging"),
        ("GET", "/v2/models/identity/config"),
        ("GET", "/v2/models/stats"),
        ("GET", "/v2/models/identity/stats"),
        ("POST", "/v2/models/identity/generate"),
    ):
        answer = stack.client.request(method, path)
        assert answer.status_code == 404, path
        assert answer.json()["error"]


def test_keys_scopes_and_limits_are_those_of_jobs(
    make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    app = make_app(auth=AuthMode.KEYS, tenants=TenantLimits(burst=2, submits_per_minute=1))
    reader, writer = make_key("reads", Scope.READ), make_key("writes", Scope.WRITE)
    content, headers = as_body(("image", PNG))

    def infer(key: str | None) -> httpx.Response:
        path = "/v2/models/identity/infer"
        answer: httpx.Response = ask(app, "POST", path, key=key, content=content, headers=headers)
        return answer

    for path in ("/v2/health/live", "/v2/health/ready"):
        assert ask(app, "GET", path).status_code == 200
    for path in ("/v2", "/v2/models/identity", "/v2/models/identity/ready"):
        assert ask(app, "GET", path).status_code == 401
        assert ask(app, "GET", path, key=reader).status_code == 200
    refusals = [infer(None), infer(reader)]
    assert [answer.json()["code"] for answer in refusals] == ["key-missing", "scope-missing"]
    assert all(answer.json()["error"] for answer in refusals)
    assert [infer(writer).status_code for _ in range(3)] == [200, 200, 429]


def test_repeated_request_is_one_job_and_the_same_image_is_cached(
    make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    app = make_app(auth=AuthMode.KEYS, cache=CacheSettings(enabled=True))
    key = make_key("inference")
    content, headers = as_body(("image", PNG))

    def infer(**more: str) -> httpx.Response:
        path = "/v2/models/identity/infer"
        answer: httpx.Response = ask(
            app, "POST", path, key=key, content=content, headers={**headers, **more}
        )
        assert answer.status_code == 200, answer.text
        return answer

    first, repeated = (infer(**{"Idempotency-Key": "one"}) for _ in range(2))
    assert first.json()["parameters"] == repeated.json()["parameters"]
    other = infer()
    assert other.headers["cache-status"] == "hiir; hit"
    assert other.json()["parameters"]["cached"]


def test_job_that_takes_longer_than_a_request_may_wait_goes_on(
    make_app: Callable[..., FastAPI], stack: Stack
) -> None:
    app = make_app(limits=Limits(wait_seconds=1, predicted_wait_seconds=100_000))
    content, headers = as_body(("image", write(photo(400, 500))))
    answer = ask(
        app,
        "POST",
        "/v2/models/slow-identity/infer",
        base_url="http://127.0.0.1",
        content=content,
        headers=headers,
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "job-not-finished")
    assert answer.json()["actual"] in answer.json()["error"]
    stack.client.post(f"/v1/jobs/{answer.json()['actual']}/cancel")
