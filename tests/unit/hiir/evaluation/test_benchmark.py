import json
import math
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from hiir.datasets.pool import DatasetError
from hiir.evaluation.benchmark import Noise, evaluate
from hiir.evaluation.engines import InputRestorer, ServiceError, ServiceRestorer
from hiir.evaluation.report import to_markdown


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, left in enumerate([0, 100, 200]):
        Image.fromarray(astronaut()[:64, left : left + 80]).save(tmp_path / f"{number}.png")
    return tmp_path


@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_unclipped_noise_alone_has_the_published_psnr(folder: Path, sigma: float) -> None:
    evaluation = evaluate(InputRestorer(), folder, Noise(sigma=sigma))
    # 20 log10(255 / sigma): 24.61, 20.17 and 14.15 dB in the literature's tables.
    assert evaluation.psnr == pytest.approx(20 * math.log10(255 / sigma), abs=0.1)


def test_clipping_helps_the_noisy_image(folder: Path) -> None:
    unclipped = evaluate(InputRestorer(), folder, Noise(sigma=50))
    clipped = evaluate(InputRestorer(), folder, Noise(sigma=50, clip=True))
    assert clipped.psnr > unclipped.psnr + 0.2


def test_figures_are_repeatable_and_depend_on_the_seed(folder: Path) -> None:
    first, again, other = (
        evaluate(InputRestorer(), folder, Noise(sigma=25, seed=seed)).psnr for seed in (0, 0, 1)
    )
    assert first == again != other


def test_images_of_a_set_have_different_noise(folder: Path) -> None:
    clean = np.full((8, 8, 3), 128, np.uint8)
    noise = Noise(sigma=25)
    assert not np.array_equal(noise.degrade(clean, 0), noise.degrade(clean, 1))


def test_json_holds_the_mean_and_every_image(folder: Path) -> None:
    evaluation = evaluate(InputRestorer(), folder, Noise(sigma=25))
    report = json.loads(json.dumps(evaluation.to_json()))
    assert report["n"] == len(report["images"]) == 3
    assert report["psnr"] == pytest.approx(np.mean([i["psnr"] for i in report["images"]]), abs=1e-4)
    assert report["ssim"] == pytest.approx(np.mean([i["ssim"] for i in report["images"]]), abs=1e-4)
    assert [image["name"] for image in report["images"]] == ["0.png", "1.png", "2.png"]


def test_markdown_has_a_row_an_image_and_the_mean(folder: Path) -> None:
    table = to_markdown(evaluate(InputRestorer(), folder, Noise(sigma=25)))
    assert table.count("\n") == 5
    assert "**mean of 3**" in table


def test_an_empty_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        evaluate(InputRestorer(), tmp_path, Noise(sigma=25))


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
