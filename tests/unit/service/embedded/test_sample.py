"""The bundled sample against an API of the test's own."""

import asyncio
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.embedded.sample import SampleError, SampleReport, psnr, restore_sample

SAMPLES = Path(__file__).parents[4] / "samples"
URLS = {"self": "/v1/jobs/1", "result": "/v1/jobs/1/result"}
Answer = tuple[int, bytes]
Serve = Callable[[dict[str, list[Answer]]], str]


def job(status: str) -> bytes:
    return json.dumps({"id": "1", "status": status, "urls": URLS}).encode()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give a function that starts an API which answers by a script, path by path."""
    servers: list[ThreadingHTTPServer] = []

    def start(script: dict[str, list[Answer]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answers = script[f"{self.command} {self.path}"]
                status, content = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def restore(url: str, out: Path, samples: Path = SAMPLES) -> SampleReport:
    return asyncio.run(restore_sample(api_url=url, samples=samples, out_dir=out))


def script(**changes: list[Answer]) -> dict[str, list[Answer]]:
    clean = (SAMPLES / "astronaut.png").read_bytes()
    steps = {
        "submit": [(202, job("queued"))],
        "poll": [(200, job("running")), (200, job("succeeded"))],
        "fetch": [(200, clean)],
    } | changes
    return {
        "POST /v1/jobs": steps["submit"],
        "GET /v1/jobs/1": steps["poll"],
        "GET /v1/jobs/1/result": steps["fetch"],
    }


def test_the_result_is_kept_and_measured(serve: Serve, tmp_path: Path) -> None:
    report = restore(serve(script()), tmp_path / "out")
    assert report.result == tmp_path / "out/astronaut_restored.png"
    assert report.result.read_bytes() == (SAMPLES / "astronaut.png").read_bytes()
    assert 20 < report.psnr_before < 21.5  # sigma 25, clipped
    assert report.psnr_after == float("inf")
    assert report.good
    assert str(report.result) in str(report)


def test_a_result_that_is_no_better_is_not_good(serve: Serve, tmp_path: Path) -> None:
    noisy = (SAMPLES / "astronaut_sigma25.png").read_bytes()
    report = restore(serve(script(fetch=[(200, noisy)])), tmp_path)
    assert report.psnr_after == report.psnr_before
    assert not report.good


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"submit": [(503, b'{"code": "store-unavailable"}')]}, "answered 503.*store-unavailable"),
        ({"poll": [(200, job("failed"))]}, "the job ended failed"),
        ({"fetch": [(410, b"gone")]}, "answered 410"),
        ({"fetch": [(200, b"text")]}, "not an image"),
    ],
)
def test_what_went_wrong_is_told(
    serve: Serve, tmp_path: Path, changes: dict[str, list[Answer]], message: str
) -> None:
    with pytest.raises(SampleError, match=message):
        restore(serve(script(**changes)), tmp_path)


def test_a_result_of_another_size_is_refused(serve: Serve, tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "PNG")
    with pytest.raises(SampleError, match=r"shape \(8, 8, 3\), expected \(256, 256, 3\)"):
        restore(serve(script(fetch=[(200, content.getvalue())])), tmp_path)


def test_an_absent_service_is_told(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="no response from http://127"):
        restore("http://127.0.0.1:1", tmp_path)


def test_an_absent_sample_is_told(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="cannot read the sample"):
        restore("http://127.0.0.1:1", tmp_path, samples=tmp_path)


def test_psnr_of_a_known_difference() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr(black, black + 255) == 0
    assert psnr(black, black + 1) == pytest.approx(48.1308, abs=1e-4)
