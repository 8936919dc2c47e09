"""One command, as a first user runs it: the shipped models, the bundled sample."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from hiir.degradations.mosaic import mosaic
from hiir.imaging import BayerPattern, from_unit, to_unit
from hiir.models.release import list_releases
from service.embedded.sample import psnr
from tests.e2e.product import Product, environment, running_product, up
from tests.integration.service.models import add_identity
from tests.integration.service.stack import ROOT, photo, read, wait_until, write

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def shipped_models() -> Path:
    """The repository's own, built if that has not been done."""
    subprocess.run([sys.executable, "-m", "hiir.cli", "export"], cwd=ROOT, check=True, timeout=300)
    return ROOT / "model_repository"


@pytest.fixture(scope="module")
def product(shipped_models: Path, start_product: Callable[..., Product]) -> Product:
    return start_product(shipped_models)


def test_sample_gains_five_decibels(tmp_path: Path, shipped_models: Path) -> None:
    done = subprocess.run(
        up("--once", "--data-dir", str(tmp_path), "--model-repository", str(shipped_models)),
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = re.search(r"PSNR (\S+) dB before, (\S+) dB after", done.stderr)
    assert said is not None, done.stderr
    assert float(said[2]) - float(said[1]) >= 5
    clean = pixels_of(ROOT / "samples/astronaut.png")
    restored = pixels_of(tmp_path / "out/astronaut_restored.png")
    assert psnr(clean, restored) == pytest.approx(float(said[2]), abs=0.01)
    assert not (tmp_path / "stack.json").exists()


def test_every_shipped_model_restores_a_photo_larger_than_its_tile(product: Product) -> None:
    tasks = product.client.get("/v1/tasks").json()["tasks"]
    models = [model for task in tasks for model in task["models"]]
    assert {model["name"] for model in models} == set(list_releases())
    for model in models:
        clean = photo(model["tile"] + 60, model["tile"] + 110)
        if model["input_channels"] == 1:
            clean = clean[..., 0]
        if model["name"] == "demosaic":
            sent = write(from_unit(mosaic(to_unit(clean), BayerPattern.RGGB), np.uint8)[..., 0])
            job_id = product.submit(sent, model["name"], pattern="RGGB")
        elif model["input_channels"] == 6:
            job_id = product.submit(write(clean), model["name"], right=write(clean))
        else:
            job_id = product.submit(write(clean), model["name"])
        job = product.wait_for(
            job_id, lambda job: job["status"] not in {"queued", "running"}, model["name"]
        )
        assert job["status"] == "succeeded", job
        assert job["progress"]["tiles_total"] >= 4
        assert (job["model_version"], job["model_sha256"]) == (model["version"], model["sha256"])
        restored = read(product.client.get(f"/v1/jobs/{job_id}/result").content)
        height, width, *channels = clean.shape
        assert restored.shape == (height * model["scale"], width * model["scale"], *channels)
        assert np.ptp(restored) > 50


def test_interrupted_service_leaves_nothing_running(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    add_identity(repository, "slow-identity", slow=True)
    with running_product(tmp_path, repository, {}) as product:
        job_id = product.submit(write(photo(250, 350)), "slow-identity")
        product.wait_for(job_id, lambda job: job["status"] == "running", "the job to run")
        descendants = product.descendants()
        product.process.send_signal(signal.SIGINT)
        assert product.process.wait(60) == 0
        assert not list(Path("/dev/shm").glob(f"triton_hiir_{product.process.pid}_*"))
        wait_until(lambda: not any(map(is_alive, descendants)), "the processes to end", 10)
    # What was under way is done by the next start: its data directory has kept it.
    with running_product(tmp_path, repository, {}) as product:
        job = product.wait_for(
            job_id, lambda job: job["status"] not in {"queued", "running"}, "the job to end"
        )
        assert (job["status"], job["attempt"]) == ("succeeded", 1)


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
