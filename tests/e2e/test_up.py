"""`hiir up` as a person uses it: the whole stack with the real models, on this machine."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from service.embedded.sample import psnr

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
START_SECONDS = 240
JOB_SECONDS = 300
STOP_SECONDS = 90
# Handed on to every descendant, whichever process group it flees to.
MARK = "HIIR_TEST_MARK"


@dataclass(frozen=True, kw_only=True)
class Up:
    """A running `hiir up`."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    log: Path
    mark: str

    @property
    def api_url(self) -> str:
        return str(json.loads((self.data_dir / "stack.json").read_text())["api_url"])

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.api_url, timeout=60, trust_env=False)

    def left_behind(self) -> list[str]:
        """Command lines of all processes that descend from it and still run."""
        return [
            " ".join(process.cmdline())
            for process in marked(self.mark)
            if process.pid != self.process.pid
        ]

    def shared_memory(self) -> list[Path]:
        return list(Path("/dev/shm").glob(f"triton_hiir_{self.process.pid}_*"))


def marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield process


@contextmanager
def up(data_dir: Path, *options: str) -> Iterator[Up]:
    """Start it; whatever happens, nothing of it is left at the end."""
    data_dir.mkdir(exist_ok=True)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("HIIR_")
    }
    mark = uuid.uuid4().hex
    log = data_dir / "log"
    command = [sys.executable, "-m", "hiir.cli", "up", "--data-dir", data_dir, *options]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**environment, MARK: mark},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Up(process=process, data_dir=data_dir, log=log, mark=mark)
    finally:
        process.kill()
        process.wait()
        for child in marked(mark):
            with contextlib.suppress(psutil.Error):
                child.kill()


def wait_until(condition: Callable[[], bool], seconds: float, told: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)


def serve(running: Up, times: int = 1) -> None:
    """Wait until it serves, for the `times`-th time on its folder."""
    wait_until(
        lambda: (
            running.log.read_text().count("serving on") >= times
            or running.process.poll() is not None
        ),
        START_SECONDS,
        running.log.read_text,
    )
    assert running.process.poll() is None, running.log.read_text()


def photo(side: int) -> tuple[bytes, np.ndarray]:
    """A smooth picture as PNG, and its pixels."""
    y, x = np.mgrid[:side, :side] / side
    pixels = np.stack([x, y, (x + y) / 2], axis=-1)
    array = np.rint(200 * pixels + 25).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(array).save(content, "PNG", compress_level=1)
    return content.getvalue(), array


def submit(client: httpx.Client, content: bytes) -> dict[str, Any]:
    form = {"task": "denoise-color"}
    answer = client.post("/v1/jobs", data=form, files={"file": ("photo.png", content)})
    assert answer.status_code == 202, answer.text
    return answer.json()


def read(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def test_once_restores_the_sample_and_leaves_nothing_but_the_result(tmp_path: Path) -> None:
    with up(tmp_path / "data", "--once") as running:
        assert running.process.wait(START_SECONDS) == 0, running.log.read_text()
        assert running.left_behind() == []
        assert running.shared_memory() == []
        assert not (running.data_dir / "stack.json").exists()
        restored = read((running.data_dir / "out/astronaut_restored.png").read_bytes())
        clean, noisy = (
            read((SAMPLES / name).read_bytes())
            for name in ("astronaut.png", "astronaut_sigma25.png")
        )
        assert psnr(clean, restored) - psnr(clean, noisy) >= 5
        told = running.log.read_text()
        assert "out/astronaut_restored.png" in told
        assert f"PSNR {psnr(clean, noisy):.2f} dB before, {psnr(clean, restored):.2f} dB" in told


def test_ctrl_c_gives_a_job_back_and_the_next_start_finishes_it(tmp_path: Path) -> None:
    content, pixels = photo(2048)
    with up(tmp_path / "data") as running:
        serve(running)
        with running.client() as client:
            job = submit(client, content)
            here = job["urls"]["self"]
            wait_until(
                lambda: client.get(here).json()["progress"]["tiles_done"] >= 1,
                JOB_SECONDS,
                running.log.read_text,
            )
            assert client.get(here).json()["status"] == "running"
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(STOP_SECONDS) == 0, running.log.read_text()
        assert running.left_behind() == []
        assert running.shared_memory() == []
    with up(tmp_path / "data") as running:
        serve(running, times=2)
        with running.client() as client:
            wait_until(
                lambda: client.get(here).json()["status"] not in {"queued", "running"},
                JOB_SECONDS,
                running.log.read_text,
            )
            ended = client.get(here).json()
            assert ended["status"] == "succeeded", ended
            restored = read(client.get(job["urls"]["result"]).content)
    # The picture has no noise: what comes back is the same picture.
    assert restored.shape == pixels.shape
    assert psnr(pixels, restored) > 35


def test_nothing_survives_a_killed_parent(tmp_path: Path) -> None:
    content, _ = photo(2048)
    with up(tmp_path / "data") as running:
        serve(running)
        with running.client() as client:
            here = submit(client, content)["urls"]["self"]
            wait_until(
                lambda: client.get(here).json()["status"] == "running",
                JOB_SECONDS,
                running.log.read_text,
            )
        assert len(running.left_behind()) >= 6  # four servers, a worker's child, Triton's stub
        running.process.kill()
        running.process.wait()
        wait_until(
            lambda: running.left_behind() == [], 60, lambda: "\n".join(running.left_behind())
        )
