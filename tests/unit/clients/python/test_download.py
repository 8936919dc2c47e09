"""Results that arrive whole, through broken connections, or not at all."""

import hashlib
from pathlib import Path

import httpx
import pytest

from hiir_client import Client, ConnectionLostError, ResultCorruptError, ResultExistsError
from hiir_client.errors import JobCanceledError
from tests.unit.clients.python.fakes import Caller, FakeService, Pieces, image, job

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
JOB = job("succeeded", output=image(len(CONTENT), SHA256))
BROKEN = httpx.ReadError("reset", request=httpx.Request("GET", "http://x"))


def part(start: int, stop: int | None = None, *, error: Exception | None = None) -> httpx.Response:
    headers = {"etag": f'"{SHA256}"'}
    if start:
        headers["content-range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
    body = Pieces([CONTENT[start:stop]], error)
    return httpx.Response(206 if start else 200, headers=headers, stream=body)


def restore(caller: Caller, answers: list[httpx.Response], **options: object) -> object:
    service = FakeService(
        [httpx.Response(202, json=job()), httpx.Response(200, json=JOB), *answers]
    )
    result = caller.call(
        service, lambda client: client.restore(b"pixels", task="denoise", **options)
    )
    return result, service.requests[2:]


def test_a_broken_download_goes_on_where_it_stopped(caller: Caller, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    answers = [part(0, 1000, error=BROKEN), part(1000, 3000, error=BROKEN), part(3000)]
    result, requests = restore(caller, answers, to=target)
    assert result.path == target
    assert result.content is None
    assert result.read_bytes() == CONTENT == target.read_bytes()
    assert list(tmp_path.iterdir()) == [target]
    assert [request.headers.get("range") for request in requests] == [
        None,
        "bytes=1000-",
        "bytes=3000-",
    ]
    assert requests[1].headers["if-range"] == f'"{SHA256}"'
    assert requests[0].headers["accept-encoding"] == "identity"


def test_a_result_that_is_sent_from_its_start_replaces_what_was_there(caller: Caller) -> None:
    result, _ = restore(caller, [part(0, 1000, error=BROKEN), part(0)])
    assert result.content == CONTENT
    assert result.path is None


def test_a_corrupt_result_is_refused_and_leaves_no_file(caller: Caller, tmp_path: Path) -> None:
    damaged = httpx.Response(200, headers={"etag": f'"{SHA256}"'}, content=CONTENT[:-1] + b"x")
    with pytest.raises(ResultCorruptError, match=SHA256):
        restore(caller, [damaged], to=tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


def test_a_range_of_another_place_is_not_mixed_in(caller: Caller) -> None:
    with pytest.raises(ResultCorruptError):
        restore(caller, [part(0, 1000, error=BROKEN), part(999)])


def test_a_download_that_breaks_again_and_again_is_given_up(caller: Caller) -> None:
    broken = [part(0, 1000, error=BROKEN)] + [part(1000, 1000, error=BROKEN) for _ in range(3)]
    with pytest.raises(ConnectionLostError):
        restore(caller, broken)
    assert len(caller.slept) == 3


def test_a_file_is_not_overwritten_unless_asked(caller: Caller, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"mine")
    service = FakeService([])
    with pytest.raises(ResultExistsError, match=r"out\.png"):
        caller.call(service, lambda client: client.restore(b"pixels", task="denoise", to=target))
    assert service.requests == []
    assert target.read_bytes() == b"mine"
    restore(caller, [part(0)], to=target, overwrite=True)
    assert target.read_bytes() == CONTENT


def test_a_file_that_appears_meanwhile_is_kept(caller: Caller, tmp_path: Path) -> None:
    target = tmp_path / "out.png"

    def answer(request: httpx.Request) -> httpx.Response:
        target.write_bytes(b"mine")
        return part(0)

    with pytest.raises(ResultExistsError):
        restore(caller, [answer], to=target)
    assert target.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [target]


def test_a_canceled_job_has_no_result(caller: Caller) -> None:
    service = FakeService([httpx.Response(200, json=job("canceled"))])
    found = caller.call(service, lambda client: client.jobs.get("a"))
    with pytest.raises(JobCanceledError):
        caller.call(service, lambda client: client.jobs.download(found))


def test_an_interruption_leaves_no_file(tmp_path: Path) -> None:
    class Interrupting(httpx.SyncByteStream):
        def __iter__(self):
            yield CONTENT[:100]
            raise KeyboardInterrupt

    service = FakeService(
        [
            httpx.Response(200, json=JOB),
            httpx.Response(200, headers={"etag": f'"{SHA256}"'}, stream=Interrupting()),
        ]
    )
    with Client(transport=httpx.MockTransport(service)) as client:
        found = client.jobs.get("a")
        with pytest.raises(KeyboardInterrupt):
            client.jobs.download(found, to=tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []
