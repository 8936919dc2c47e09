"""The check before a GPU server starts, with a real Triton: on a CPU, by its OpenVINO backend.

A configuration that serves another graph stands for an engine of TensorRT that computes something
else, one whose graph does not exist for an engine that cannot be built.
"""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from gpu_server import check
from gpu_server.__main__ import prepare
from gpu_server.engine_cache import EngineCache
from gpu_server.repository import read_models
from service.embedded.ports import choose_port
from service.embedded.settings import StackSettings
from service.embedded.triton import TritonServer, is_triton_ready, unique_shm_prefix
from service.embedded.triton_release import ensure_tritonserver
from tests.integration.service.models import TILE, add_blurring, add_identity

WRONG = {"agrees": "model.onnx", "differs": "blurred.onnx", "unbuildable": "missing.onnx"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    add_blurring(tmp_path, "blur")
    values = np.random.default_rng(0).random((2, 3, TILE, TILE), dtype="<f4")
    for name, served in WRONG.items():
        add_identity(root, name)
        folder = root / name
        (folder / "1/blurred.onnx").write_bytes((tmp_path / "blur/1/model.onnx").read_bytes())
        reference = folder / "reference"
        reference.mkdir()
        right = (folder / "config.pbtxt").read_text()
        (reference / "config.cuda.pbtxt").write_text(right)
        (folder / "config.pbtxt").write_text(right.replace('"model.onnx"', f'"{served}"'))
        for file in ("input.f32", "output.f32"):
            (reference / file).write_bytes(values.tobytes())
        shapes = {"input": values.shape, "output": values.shape}
        (reference / "reference.json").write_text(json.dumps(shapes))
    return root


@pytest.fixture
def command(
    repository: Path, tmp_path: Path, taken_ports: set[int], monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    triton = TritonServer(
        release=ensure_tritonserver(StackSettings().cache_dir),
        model_repository=repository,
        work_dir=tmp_path / "triton",
        port=choose_port(18_101, taken=taken_ports),
        shm_prefix=unique_shm_prefix(),
    )
    triton.prepare()
    for name, value in triton.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(check, "_PORT", choose_port(18_201, taken=taken_ports))
    yield [word.replace("-mode=none", "-mode=explicit") for word in triton.command()]
    triton.remove_shared_memory()


@contextmanager
def started(command: list[str], url: str) -> Iterator[None]:
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 120
        while not asyncio.run(is_triton_ready(url)):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(60)


def test_what_differs_or_does_not_load_is_served_by_the_other_configuration(
    repository: Path, command: list[str], tmp_path: Path
) -> None:
    cache = EngineCache(volume=tmp_path / "engines", machine="here", link=tmp_path / "link")
    served = prepare(command, names=[], cache=cache)
    models = read_models(repository, [])
    chosen = {model.name: cache.provider(model) for model in models}
    assert chosen == {"agrees": "tensorrt", "differs": "cuda", "unbuildable": "cuda"}
    (copied,) = (Path(word.partition("=")[2]) for word in served if "--model-repository" in word)
    assert copied != repository
    port = next(word for word in served if word.startswith("--grpc-port=")).partition("=")[2]
    with started(served, f"127.0.0.1:{port}"):
        pass  # strict readiness: every model is loaded
    results = check.measure(command, models, repository=copied)
    assert min(results.values()) > 100
