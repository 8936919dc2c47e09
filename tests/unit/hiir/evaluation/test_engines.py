import httpx
import numpy as np
import pytest

from hiir.evaluation.engines import ServiceError, ServiceRestorer


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
