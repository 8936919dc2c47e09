"""The comparison of runtimes, rehearsed on a CPU with a model of random weights."""

import json
import math
import sys
from pathlib import Path

import pytest
import torch
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from benchmarks.library import gpu_runtimes, runtime_rows
from benchmarks.library.gpu_runtimes import compare, write_bundle
from benchmarks.library.runtime_rows import (
    ROWS,
    Bundle,
    RowUnavailableError,
    measure,
    onnx_run,
    psnr,
    tensorrt_options,
    torch_run,
)
from hiir.export.artifacts import untrained_release
from hiir.export.triton_config import Target, render_config

PRESET = "columnar-compact-x4"
# The backend's own names for two options of ONNX Runtime (onnxruntime_backend, src/onnxruntime.cc).
RENAMED = {"max_workspace_size_bytes": "trt_max_workspace_size"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle")
    write_bundle(path, PRESET)
    return path


@pytest.fixture
def bundle(folder: Path) -> Bundle:
    return Bundle.read(folder)


@pytest.mark.slow
def test_every_runtime_of_a_cpu_computes_the_model(bundle: Bundle) -> None:
    runs = {
        "torch": (torch_run(bundle, device="cpu", dtype="float32"), 90),
        "bfloat16": (torch_run(bundle, device="cpu", dtype="bfloat16"), 30),
        "onnx": (onnx_run(bundle, graph="model.onnx", provider="CPUExecutionProvider"), 90),
        "half": (onnx_run(bundle, graph="model.fp16.onnx", provider="CPUExecutionProvider"), 50),
    }
    for run, least in runs.values():
        found = measure(bundle, run, batches=(1, 2), seconds=0)
        assert found["decibels"] > least
        assert found["milliseconds"].keys() == {1, 2}
        assert found["mebibytes"] is None


@pytest.mark.slow
def test_a_row_that_cannot_be_measured_says_why(folder: Path, monkeypatch) -> None:
    def crash(_: Bundle) -> None:
        raise AssertionError

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    rows = dict.fromkeys(("ONNX Runtime CUDA, float16", "no such row"), crash)
    monkeypatch.setitem(gpu_runtimes.ROWS, "cpu", rows)
    title, header, missing, crashed = compare(folder, batches=(1,))
    assert "a rehearsal of the script" in title
    assert "ms/tile of 1" in header
    assert "not measured: this build of onnxruntime has" in missing
    assert "not measured: ended with status 1: KeyError: 'no such row'" in crashed
    *_, late, _ = compare(folder, batches=(1,), row_seconds=0.01)
    assert "not measured: took more than 0.01 s" in late


def test_a_session_that_fell_back_is_not_taken_for_the_provider(
    bundle: Bundle, monkeypatch
) -> None:
    import onnxruntime as ort

    class Session:
        def __init__(self, *_: object, **__: object) -> None: ...
        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    provider = "TensorrtExecutionProvider"
    monkeypatch.setattr(ort, "get_available_providers", lambda: [provider])
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(ort, "InferenceSession", Session)
    with pytest.raises(RowUnavailableError, match="could not be loaded"):
        onnx_run(bundle, graph="model.fp16.onnx", provider=provider)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RowUnavailableError, match="is not installed"):
        onnx_run(bundle, graph="model.fp16.onnx", provider=provider)


def test_tensorrt_is_measured_as_it_is_served(bundle: Bundle) -> None:
    text = render_config(untrained_release(PRESET).contract, target=Target.GPU)
    config = text_format.Parse(text, ModelConfig())
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    served = {RENAMED.get(key, key): value for key, value in accelerator.parameters.items()}
    assert served.pop("precision_mode") == "FP16"
    served["trt_fp16_enable"] = "true"
    cache = Path(served["trt_engine_cache_path"])
    assert tensorrt_options(bundle, cache) == served


def test_a_gpu_has_rows_for_each_runtime() -> None:
    names = " ".join(ROWS["cuda"])
    for runtime in ("ONNX Runtime CUDA", "ONNX Runtime TensorRT", "torch,", "torch compiled"):
        assert runtime in names


def test_what_is_not_finite_or_of_another_shape_has_no_decibels() -> None:
    ones = torch.ones(1, 3, 4, 4)
    assert psnr(ones, ones) == math.inf
    assert psnr(ones + 0.1, ones) == pytest.approx(20, abs=1e-3)
    assert psnr(ones * math.nan, ones) == -math.inf
    assert psnr(ones[:, :1], ones) == -math.inf


def test_a_row_prints_one_line_of_json(folder: Path, monkeypatch, capsys) -> None:
    row = "ONNX Runtime CUDA, float16"
    arguments = ["runtime_rows", str(folder), row, "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", arguments)
    runtime_rows.main()
    assert "this build of onnxruntime" in json.loads(capsys.readouterr().out)["reason"]
