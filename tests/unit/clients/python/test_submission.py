"""Forms: options as the service reads them, and sources that can be sent again."""

import io
from pathlib import Path

import httpx
import pytest

from hiir_client import Client, UnexpectedResponseError
from hiir_client.errors import NoValidFileError
from tests.unit.clients.python.fakes import JOB_ID, Caller, FakeService, job, problem


def fields(request: httpx.Request) -> dict[str, str]:
    """The form's fields, and the files as `filename:content`."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    found: dict[str, str] = {}
    for part in request.content.split(b"--" + boundary)[1:-1]:
        head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = head.partition(b'name="')[2].partition(b'"')[0].decode()
        filename = head.partition(b'filename="')[2].partition(b'"')[0].decode()
        found[name] = f"{filename}:{content.decode()}" if filename else content.decode()
    return found


def test_options_are_written_as_the_service_reads_them(caller: Caller) -> None:
    service = FakeService([httpx.Response(202, json=job())])
    caller.call(
        service,
        lambda client: client.jobs.submit(
            b"left",
            task="defocus-deblur",
            filename="left.png",
            file_right=b"right",
            noise_level=12.5,
            lossless=True,
            bit_depth=16,
            strength=60,
            region=(10, 20, 300, 200),
            webhook_url="https://example.com/hook",
            webhook_events=["started", "completed"],
            client_metadata={"album": "summer"},
            parameters={"of_tomorrow": "7"},
        ),
    )
    assert fields(service.requests[0]) == {
        "task": "defocus-deblur",
        "file": "left.png:left",
        "file_right": "image:right",
        "noise_level": "12.5",
        "lossless": "true",
        "bit_depth": "16",
        "strength": "60",
        "region": "10,20,300,200",
        "webhook_url": "https://example.com/hook",
        "webhook_events": "started,completed",
        "client_metadata": '{"album": "summer"}',
        "of_tomorrow": "7",
    }


def test_a_dry_run_is_a_submission_that_creates_nothing(caller: Caller) -> None:
    plan = {
        **{name: job()[name] for name in ("task", "steps", "parameters", "model", "model_version")},
        "model_sha256": "a" * 64,
        "options": {"strength": 60},
        "tiles": 12,
        "seconds": 3.5,
        "output": {"format": "png", "width": 40, "height": 30},
        "wait_seconds": None,
        "megapixels": 12.5,
        "cached": False,
        "warnings": [{"code": "bit-depth-changed", "detail": "Eight bits."}],
    }
    service = FakeService([httpx.Response(200, json=plan)])
    made = caller.call(
        service, lambda client: client.jobs.dry_run(b"pixels", task="denoise", strength=60)
    )
    sent = {"task": "denoise", "strength": "60", "dry_run": "true", "file": "image:pixels"}
    assert fields(service.requests[0]) == sent
    assert service.requests[0].method == "POST"
    assert (made.tiles, made.seconds, made.wait_seconds, made.megapixels) == (12, 3.5, None, 12.5)
    assert (made.output.width, made.warnings[0].code) == (40, "bit-depth-changed")


def test_a_cached_result_can_be_declined(caller: Caller) -> None:
    service = FakeService([httpx.Response(202, json=job(cached=True)) for _ in range(3)])
    for options in ({}, {"no_cache": False}, {"no_cache": True}):
        made = caller.call(
            service, lambda client, given=options: client.jobs.submit(b"p", task="denoise", **given)
        )
        assert made.cached
    sent = [request.headers.get("cache-control") for request in service.requests]
    assert sent == [None, None, "no-cache"]
    assert "no_cache" not in fields(service.requests[-1])


def test_several_tasks_are_one_job(caller: Caller) -> None:
    chain = "jpeg-artifacts,denoise:25,super-resolution:2"
    service = FakeService([httpx.Response(202, json=job(task="chain"))])
    made = caller.call(service, lambda client: client.jobs.submit(b"pixels", task=chain))
    assert fields(service.requests[0]) == {"tasks": chain, "file": "image:pixels"}
    assert [step.model for step in made.steps] == ["denoise-color"]


def test_an_analysis_is_asked_for_without_a_job(caller: Caller) -> None:
    found = {
        "format": "jpeg",
        "width": 40,
        "height": 30,
        "noise_sigma": 24.5,
        "jpeg_quality": None,
        "blockiness": 1.01,
        "blur": 0.3,
        "may_be_blurred": False,
        "drawing": False,
        "suggestion": ["denoise"],
        "confidence": dict.fromkeys(
            ("noise_sigma", "jpeg_quality", "blockiness", "blur", "drawing", "suggestion"), 0.5
        ),
    }
    service = FakeService([httpx.Response(200, json=found)])
    made = caller.call(service, lambda client: client.analyze(b"pixels", frame=2))
    assert (service.requests[0].method, service.requests[0].url.path) == ("POST", "/v1/analyses")
    assert fields(service.requests[0]) == {"frame": "2", "file": "image:pixels"}
    assert (made.suggestion, made.noise_sigma, made.confidence.blur) == (("denoise",), 24.5, 0.5)


def test_each_kind_of_source_is_sent_again_whole(caller: Caller, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"skipped pixels")
    with path.open("rb") as file:
        file.seek(8)
        for source, sent in [
            (path, "a.png:skipped pixels"),
            (str(path), "a.png:skipped pixels"),
            (file, "a.png:pixels"),
            (io.BytesIO(b"pixels"), "image:pixels"),
            (bytearray(b"pixels"), "image:pixels"),
        ]:
            busy = problem("server-busy", 503, retryable=True, retry_after="1")
            service = FakeService([busy, httpx.Response(202, json=job())])
            caller.call(service, lambda client, it=source: client.jobs.submit(it, task="denoise"))
            assert [fields(request)["file"] for request in service.requests] == [sent, sent]
        assert not file.closed


def test_a_source_that_cannot_be_sent_again_is_refused(caller: Caller, tmp_path: Path) -> None:
    service = FakeService([])
    with pytest.raises(TypeError, match="generator is none of them"):
        caller.call(service, lambda client: client.jobs.submit((b for b in [b"x"]), task="denoise"))
    with pytest.raises(FileNotFoundError, match=r"nothing\.png"):
        caller.call(
            service, lambda client: client.jobs.submit(tmp_path / "nothing.png", task="denoise")
        )
    with pytest.raises(ValueError, match="at least one file"):
        caller.call(service, lambda client: client.batches.submit([], task="denoise"))


def test_a_job_can_have_an_id_of_the_callers(caller: Caller) -> None:
    service = FakeService([httpx.Response(202, json=job())])
    caller.call(service, lambda client: client.jobs.submit(b"x", task="denoise", job_id="trip-17"))
    request = service.requests[0]
    assert (request.method, request.url.path) == ("PUT", "/v1/jobs/trip-17")
    assert "idempotency-key" not in request.headers


@pytest.mark.parametrize("job_id", ["", "..", "a/b", "a?b", "a%2Fb", "\u00e9"])
def test_an_id_stays_one_part_of_the_path(caller: Caller, job_id: str) -> None:
    with pytest.raises(ValueError, match="one part of a path"):
        caller.call(FakeService([]), lambda client: client.jobs.get(job_id))


def test_pages_are_turned(caller: Caller) -> None:
    service = FakeService(
        [
            httpx.Response(200, json={"jobs": [job(id="a"), job(id="b")], "next_cursor": "n"}),
            httpx.Response(200, json={"jobs": [job(id="c")], "next_cursor": None}),
        ]
    )
    found = caller.call(service, lambda client: client.jobs.list(status="queued", page_size=2))
    assert [item.id for item in found] == ["a", "b", "c"]
    assert dict(service.requests[0].url.params) == {"status": "queued", "limit": "2"}
    assert service.requests[1].url.params["cursor"] == "n"


def test_each_wrong_file_of_a_batch_is_named(caller: Caller) -> None:
    wrong = [{"file": "a.txt", "code": "unsupported-image-format"}]
    service = FakeService([problem("no-valid-file", 422, errors=wrong)])
    with pytest.raises(NoValidFileError) as caught:
        caller.call(service, lambda client: client.batches.submit([b"x"], task="denoise"))
    assert caught.value.errors == tuple(wrong)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "lacks attempt"),
        (job(attempt="one"), "Job.attempt must be int"),
        (job(attempt=True), "Job.attempt must be int"),
        (job(created_at="yesterday"), "Job.created_at is not a date"),
        (job(warnings={}), "Job.warnings must be list"),
    ],
)
def test_a_body_of_another_form_is_named(caller: Caller, body: object, reason: str) -> None:
    service = FakeService([httpx.Response(200, json=body)])
    with pytest.raises(UnexpectedResponseError, match=reason):
        caller.call(service, lambda client: client.jobs.get(JOB_ID))


def test_the_key_goes_in_a_header_and_nowhere_else(caller: Caller) -> None:
    service = FakeService([httpx.Response(307, headers={"location": "http://other.example/"})])
    with pytest.raises(UnexpectedResponseError):
        caller.call(service, lambda client: client.jobs.get(JOB_ID), api_key="s3cret")
    assert [request.url.host for request in service.requests] == ["127.0.0.1"]
    assert service.requests[0].headers["authorization"] == "Bearer s3cret"
    assert "s3cret" not in str(service.requests[0].url)


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://host", "http://", "host/path"])
def test_an_address_that_is_not_of_http_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="begins with http"):
        Client(address)


def test_a_path_before_the_routes_is_kept() -> None:
    service = FakeService([httpx.Response(200, json=job())])
    with Client("http://host/restore", transport=httpx.MockTransport(service)) as client:
        client.jobs.get("a")
    assert service.requests[0].url.path == "/restore/v1/jobs/a"
