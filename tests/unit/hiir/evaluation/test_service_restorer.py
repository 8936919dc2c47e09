import io

import httpx
import numpy as np
import pytest
from PIL import Image

from hiir.evaluation.service_restorer import ServiceError, ServiceRestorer
from hiir.imaging import BayerPattern, demosaic_malvar, to_unit


def service(handler) -> ServiceRestorer:
    return ServiceRestorer(
        url="http://service", task="denoise-color", transport=httpx.MockTransport(handler)
    )


def test_the_service_is_sent_a_file_and_asked_until_it_is_done() -> None:
    sent = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    states = iter(["queued", "running", "succeeded"])
    uploads = []

    def answer(request: httpx.Request) -> httpx.Response:
        job = {"urls": {"self": "/v1/jobs/1", "result": "/v1/jobs/1/result"}}
        match request.method, request.url.path:
            case "POST", "/v1/jobs":
                uploads.append(request.read())
                return httpx.Response(202, json={**job, "status": next(states)})
            case "GET", "/v1/jobs/1":
                return httpx.Response(200, json={**job, "status": next(states)})
        body = uploads[0]
        start = body.index(b"\x89PNG")
        return httpx.Response(200, content=body[start : body.index(b"IEND", start) + 8])

    restored = service(answer).restore((sent / 255).astype(np.float32))
    np.testing.assert_array_equal(restored, sent)


def pngs(body: bytes) -> list[np.ndarray]:
    """Pixels of the PNG files in a form."""
    found = []
    while (start := body.find(b"\x89PNG")) >= 0:
        end = body.index(b"IEND", start) + 8
        with Image.open(io.BytesIO(body[start:end])) as image:
            found.append(np.asarray(image))
        body = body[end:]
    return found


def restore_through(image: np.ndarray, **options: object) -> tuple[bytes, np.ndarray]:
    """What is sent, and what is made of an answer that is the first file that was sent."""
    forms = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            forms.append(request.read())
            urls = {"self": "/v1/jobs/1", "result": "/v1/jobs/1/result"}
            return httpx.Response(202, json={"urls": urls, "status": "succeeded"})
        start = forms[0].index(b"\x89PNG")
        return httpx.Response(200, content=forms[0][start : forms[0].index(b"IEND", start) + 8])

    restorer = ServiceRestorer(
        url="http://service",
        task="a-task",
        transport=httpx.MockTransport(answer),
        **options,  # type: ignore[arg-type]
    )
    restored = restorer.restore((image / 255).astype(np.float32))
    return forms[0], restored


def test_gray_is_sent_and_read_as_gray() -> None:
    gray = np.random.default_rng(0).integers(0, 256, (16, 16, 1), dtype=np.uint8)
    form, restored = restore_through(gray)
    np.testing.assert_array_equal(pngs(form)[0], gray[..., 0])
    np.testing.assert_array_equal(restored, gray)


def test_two_views_are_two_files() -> None:
    views = np.random.default_rng(0).integers(0, 256, (16, 16, 6), dtype=np.uint8)
    form, _ = restore_through(views)
    left, right = pngs(form)
    np.testing.assert_array_equal(left, views[..., :3])
    np.testing.assert_array_equal(right, views[..., 3:])
    assert b'name="file_right"' in form


def test_what_was_demosaicked_is_sent_as_the_mosaic_that_it_was() -> None:
    samples = np.random.default_rng(0).integers(0, 256, (16, 16, 1), dtype=np.uint8)
    malvar = demosaic_malvar(to_unit(samples), BayerPattern.GBRG)
    form, _ = restore_through(255 * malvar, pattern=BayerPattern.GBRG)
    np.testing.assert_array_equal(pngs(form)[0], samples[..., 0])
    assert b"GBRG" in form


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (httpx.Response(503, text="away"), "503: away"),
        (httpx.Response(202, json={"status": "failed", "error": {"code": "timeout"}}), "timeout"),
    ],
)
def test_what_the_service_says_of_a_failure_is_passed_on(response, message: str) -> None:
    with pytest.raises(ServiceError, match=message):
        service(lambda _: response).restore(np.zeros((16, 16, 3), np.float32))


def test_a_service_that_is_away_is_named() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ServiceError, match="http://service"):
        service(refuse).restore(np.zeros((16, 16, 3), np.float32))
