"""Bad input is refused in the words of RFC 9457, and leaves nothing behind."""

import io
import socket
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from service.api.submission import PARAMETERS
from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
# As the folder's conftest sets them.
MAX_PIXELS, MAX_SIDE, MAX_BODY = 13_000_000, 5000, 20_000_000
TASKS = (
    "denoise, jpeg-artifacts, super-resolution, demosaic, defocus-deblur, blurring, "
    "greedy, huge-identity, identity, large-identity, not-a-number, slow-identity, auto"
)
NOISE = bytes(range(256)) * 1000
PNG = write(photo(40, 50))
JPEG = write(photo(200, 300), "JPEG")


@pytest.fixture(autouse=True)
def nothing_is_queued_or_stored(stack: Stack) -> Iterator[None]:
    before = stack.stored()
    yield
    records, blobs = stack.stored()
    assert records <= before[0]
    assert blobs <= before[1]
    assert stack.count_queued() == 0
    with stack.database(0) as redis:
        assert redis.llen("interactive") == 0


def png_header(width: int, height: int, bit_depth: int = 8, colour: int = 2) -> bytes:
    """A PNG that claims a size, and has hardly any pixels: 70 bytes of a bomb."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"\0")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def animation() -> bytes:
    frames = [Image.fromarray(photo(32, 32, seed=seed)) for seed in range(3)]
    output = io.BytesIO()
    frames[0].save(output, "PNG", save_all=True, append_images=frames[1:])
    return output.getvalue()


def floats() -> bytes:
    output = io.BytesIO()
    Image.fromarray(photo(32, 32)).convert("F").save(output, "TIFF")
    return output.getvalue()


def expect(
    answer: httpx.Response,
    status: int,
    code: str,
    *,
    limit: Any = None,
    actual: Any = None,
    retryable: bool = False,
) -> dict[str, Any]:
    """Assert that the answer is this problem, complete and in its own media type."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    told = (answer.status_code, problem["code"], problem["limit"], problem["actual"])
    assert told == (status, code, limit, actual), problem
    assert problem["status"] == status
    assert problem["type"].endswith(f"#{code}")
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == answer.request.url.path
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["retryable"] is retryable
    return problem


FORMATS = "AVIF, BMP, HEIC, JPEG, PNG, TIFF, WEBP"
IMAGES: dict[str, tuple[bytes, int, str, Any, Any]] = {
    "text": (b"no image, whatever its name says", 415, "unsupported-image-format", FORMATS, None),
    "svg": (b"<svg xmlns='http://www.w3.org'/>", 415, "unsupported-image-format", FORMATS, None),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n", 415, "unsupported-image-format", FORMATS, None),
    "pdf": (b"%PDF-1.7\n1 0 obj\n", 415, "unsupported-image-format", FORMATS, None),
    "psd": (b"8BPS\0\1" + bytes(40), 415, "unsupported-image-format", FORMATS, None),
    "empty": (b"", 422, "empty-image", 1, 0),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], 422, "image-truncated", None, None),
    "truncated png": (PNG[:-1000], 422, "image-truncated", None, None),
    "truncated header": (PNG[:20], 422, "image-truncated", None, None),
    "corrupt png": (PNG[:200] + b"\xff" * 100 + PNG[300:], 422, "image-corrupt", None, None),
    "pixels": (png_header(4000, 4000), 422, "image-too-large", MAX_PIXELS, 16_000_000),
    "bomb": (png_header(4999, 2 * 10**9), 422, "image-too-large", MAX_SIDE, 2 * 10**9),
    "long side": (png_header(5001, 20), 422, "image-too-large", MAX_SIDE, 5001),
    "short side": (png_header(300, 15), 422, "image-too-small", 16, 15),
    "animation": (animation(), 422, "too-many-frames", 1, 3),
    "depth": (floats(), 422, "unsupported-pixel-mode", "8, 16", 32),
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("way", ["form", "raw"])
def test_bad_image_is_refused(stack: Stack, name: str, way: str) -> None:
    content, status, code, limit, actual = IMAGES[name]
    if way == "form":
        answer = stack.client.post(
            "/v1/jobs", data={"task": "identity"}, files={"file": ("a.png", content, "image/png")}
        )
    else:
        answer = stack.client.post(
            "/v1/jobs?task=identity", content=content, headers={"content-type": "image/png"}
        )
    expect(answer, status, code, limit=limit, actual=actual)


def test_announced_length_is_refused_before_the_body(stack: Stack) -> None:
    with raw_request(stack, f"content-length: {MAX_BODY + 1}") as connection:
        # Not a byte of the body has been sent; the service answers and hangs up.
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
    assert b'"code":"body-too-large"' in answer
    assert f'"limit":{MAX_BODY},"actual":{MAX_BODY + 1}'.encode() in answer


def test_body_that_grows_too_long_is_refused_at_the_limit(stack: Stack) -> None:
    with raw_request(stack, "transfer-encoding: chunked") as connection:
        sent = 0
        try:
            while sent < 4 * MAX_BODY:
                connection.sendall(b"%x\r\n" % len(NOISE) + NOISE + b"\r\n")
                sent += len(NOISE)
        except OSError:
            pass  # the service has hung up
    assert MAX_BODY - len(NOISE) <= sent < 2 * MAX_BODY


def test_body_too_large_is_a_problem(stack: Stack) -> None:
    content = PNG + bytes(MAX_BODY)
    answer = stack.client.post("/v1/jobs", data={"task": "identity"}, files={"file": content})
    length = int(answer.request.headers["content-length"])
    expect(answer, 413, "body-too-large", limit=MAX_BODY, actual=length)


@pytest.mark.parametrize("way", ["form", "raw"])
def test_interrupted_upload_leaves_nothing(stack: Stack, way: str) -> None:
    spooled = stack.spooled()
    boundary = "multipart/form-data; boundary=b"
    kind = boundary if way == "form" else "image/png"
    with raw_request(stack, "content-length: 5000000", kind=kind) as connection:
        if way == "form":
            head = 'content-disposition: form-data; name="file"; filename="a.png"'
            connection.sendall(f"--b\r\n{head}\r\n\r\n".encode())
        connection.sendall(PNG + bytes(3_000_000))
        wait_until(lambda: stack.spooled() - spooled, "the body to be spooled")
        connection.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: stack.spooled() <= spooled, "the spooled file to be removed")


def test_two_files_are_refused(stack: Stack) -> None:
    files = [("file", ("a.png", PNG)), ("file", ("b.png", PNG))]
    answer = stack.client.post("/v1/jobs", data={"task": "identity"}, files=files)
    expect(answer, 422, "too-many-files", limit=1, actual=2)


def test_more_parts_than_are_read_are_refused(stack: Stack) -> None:
    files = [("file", (f"{number}.png", PNG)) for number in range(25)]
    answer = stack.client.post("/v1/jobs", data={"task": "identity"}, files=files)
    expect(answer, 400, "invalid-multipart", limit=24)


def test_form_without_a_file_is_refused(stack: Stack) -> None:
    answer = stack.client.post("/v1/jobs", files={"task": (None, "identity")})
    expect(answer, 422, "missing-file")


def test_file_under_another_name_is_refused(stack: Stack) -> None:
    answer = stack.client.post("/v1/jobs", data={"task": "identity"}, files={"image": PNG})
    expect(answer, 422, "unknown-parameter", limit="file, file_right", actual="image")


def test_broken_form_is_refused(stack: Stack) -> None:
    answer = stack.client.post(
        "/v1/jobs", content=PNG, headers={"content-type": "multipart/form-data; boundary=b"}
    )
    expect(answer, 400, "invalid-multipart")


def test_form_without_a_boundary_is_refused(stack: Stack) -> None:
    answer = stack.client.post(
        "/v1/jobs", content=PNG, headers={"content-type": "multipart/form-data"}
    )
    expect(answer, 400, "invalid-multipart")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/pdf", None])
def test_body_of_another_type_is_refused(stack: Stack, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    answer = stack.client.post("/v1/jobs?task=identity", content=PNG, headers=headers)
    expect(answer, 415, "unsupported-media-type", actual=kind or "none")


def test_json_that_is_no_object_is_refused(stack: Stack) -> None:
    headers = {"content-type": "application/json"}
    answer = stack.client.post("/v1/jobs?task=identity", content=PNG, headers=headers)
    expect(answer, 400, "invalid-request")


@pytest.mark.parametrize("way", ["form", "query"])
def test_unknown_task_is_refused_with_the_known_ones(stack: Stack, way: str) -> None:
    query = {"task": "sharpen"} if way == "query" else {}
    data = {"task": "sharpen"} if way == "form" else {}
    answer = stack.client.post("/v1/jobs", params=query, data=data, files={"file": PNG})
    problem = expect(answer, 404, "unknown-task", limit=TASKS, actual="sharpen")
    assert "slow-identity" in problem["detail"]


def test_missing_task_is_refused(stack: Stack) -> None:
    expect(stack.client.post("/v1/jobs", files={"file": PNG}), 422, "missing-task", limit=TASKS)


@pytest.mark.parametrize("way", ["form", "query"])
def test_unknown_parameter_is_refused(stack: Stack, way: str) -> None:
    query = {"sharpness": "2"} if way == "query" else {}
    data = {"task": "identity"} | ({"sharpness": "2"} if way == "form" else {})
    answer = stack.client.post("/v1/jobs", params=query, data=data, files={"file": PNG})
    known = ", ".join(PARAMETERS)
    problem = expect(answer, 422, "unknown-parameter", limit=known, actual="sharpness")
    assert problem["errors"] == [{"name": "sharpness", "problem": "unknown"}]


def test_task_in_both_places_is_refused(stack: Stack) -> None:
    answer = stack.client.post(
        "/v1/jobs?task=identity", data={"task": "identity"}, files={"file": PNG}
    )
    expect(answer, 422, "duplicate-parameter", limit=1, actual=2)


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/v1/jobs", "status, task, limit, cursor"),
        ("/v1/jobs/x", "wait"),
        ("/v1/jobs/x/result", "none"),
        ("/v1/tasks", "none"),
    ],
)
def test_query_that_is_not_known_is_refused(stack: Stack, path: str, known: str) -> None:
    answer = stack.client.get(f"{path}?verbose=1")
    expect(answer, 422, "unknown-parameter", limit=known, actual="verbose")


def test_unknown_page_is_a_problem(stack: Stack) -> None:
    expect(stack.client.get("/v2/jobs"), 404, "not-found")


def test_type_of_a_problem_is_a_page_that_explains_it(stack: Stack) -> None:
    address, _, anchor = stack.client.get("/v2/jobs").json()["type"].partition("#")
    page = stack.client.get(address)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f'id="{anchor}"' in page.text


def test_wrong_method_is_a_problem(stack: Stack) -> None:
    answer = stack.client.put("/v1/tasks")
    expect(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


def raw_request(stack: Stack, header: str, *, kind: str = "image/png") -> socket.socket:
    """A connection on which the head of a submission was sent, with `header` for its length."""
    url = stack.client.base_url
    connection = socket.create_connection((url.host, url.port), timeout=60)
    head = f"POST /v1/jobs?task=identity HTTP/1.1\r\nhost: {url.host}\r\ncontent-type: {kind}\r\n"
    connection.sendall(f"{head}{header}\r\n\r\n".encode())
    return connection
