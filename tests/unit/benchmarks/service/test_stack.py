"""What a benchmark's stack serves, and what it says of processes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import psutil

from benchmarks.service.stack import IDENTITY, _look, identity_repository
from service.catalogue.models import ModelCatalogue


def test_the_model_changes_nothing_and_is_what_its_contract_says(tmp_path: Path) -> None:
    repository = identity_repository(tmp_path)
    assert ModelCatalogue.read(repository).get("identity") == IDENTITY
    graph = repository / "identity/1/model.onnx"
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    tile = np.random.default_rng(0).random((1, 3, 256, 256), np.float32)
    (given,) = session.run(["output"], {"input": tile})
    assert (given == tile).all()


def test_a_look_at_a_process_tells_its_memory_and_of_an_ended_one_nothing() -> None:
    here = _look(psutil.Process(os.getpid()))
    assert 20 < here.resident <= here.highest
    assert here.seconds > 0
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = psutil.Process(child.pid)
        child.communicate(b"\n")
    assert _look(process).resident == 0
