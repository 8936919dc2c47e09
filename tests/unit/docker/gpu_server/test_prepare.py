import json
from pathlib import Path

import pytest

from gpu_server import __main__ as gpu_server
from gpu_server import check
from gpu_server.__main__ import MIN_PSNR, main, prepare
from gpu_server.engine_cache import EngineCache, identify_machine
from gpu_server.errors import GpuServerError
from gpu_server.repository import read_models
from service.embedded.ports import choose_port


@pytest.fixture(autouse=True)
def free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_PORT", choose_port(18_010, taken=set()))


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(volume=tmp_path / "volume", machine="26.10-L4", link=tmp_path / "link")


@pytest.fixture
def command(make_server, tmp_path: Path) -> list[str]:
    repository = f"--model-repository={tmp_path / 'repository'}"
    return [make_server(), repository, "--model-control-mode=explicit", "--http-port=8000"]


def starts(log: Path) -> list[list[str]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_models_that_agree_are_served_as_they_are(add_model, command, cache, log) -> None:
    add_model("sr-x2", tensorrt="0.0001")
    add_model("weather")
    served = prepare(command, names=[], cache=cache)
    assert served[:1] == command[:1]
    assert served.count(command[1]) == 1
    assert served[-2:] == ["--load-model=sr-x2", "--load-model=weather"]
    assert "--http-port=8000" in served
    (start,) = starts(log)
    # Nobody else can use what is not yet checked.
    assert "--http-address=127.0.0.1" in start
    assert {"--allow-grpc=false", "--allow-metrics=false"} <= set(start)


@pytest.mark.parametrize("tensorrt", ["0.1", "nan", "none"])
def test_what_differs_or_does_not_load_is_served_by_cuda(
    add_model, command, cache, tmp_path: Path, tensorrt: str
) -> None:
    add_model("sr-x2", tensorrt=tensorrt, cuda="0.0001")
    add_model("weather")
    served = prepare(command, names=[], cache=cache)
    (option,) = [word for word in served if word.startswith("--model-repository=")]
    copied = Path(option.partition("=")[2])
    assert (copied / "sr-x2/config.pbtxt").read_text() == "error: 0.0001"
    assert (copied / "weather/config.pbtxt").read_text() == "error: 0.0"
    assert (copied / "weather/1/model.onnx").read_bytes() == b"graph"
    # The repository itself is mounted read-only.
    assert (tmp_path / "repository/sr-x2/config.pbtxt").read_text() == f"error: {tensorrt}"


def test_a_model_that_no_provider_computes_is_not_served(add_model, command, cache) -> None:
    add_model("sr-x2", tensorrt="0.1", cuda="0.1")
    with pytest.raises(GpuServerError, match=r"sr-x2: 19\.9 dB to float32 with the CUDA provider"):
        prepare(command, names=[], cache=cache)


def test_a_choice_is_kept_until_the_model_changes(add_model, command, cache, log) -> None:
    folder = add_model("sr-x2", tensorrt="0.1")
    first = prepare(command, names=[], cache=cache)
    assert len(starts(log)) == 2  # TensorRT, then CUDA
    assert prepare(command, names=[], cache=cache) == first
    assert len(starts(log)) == 2
    (folder / "config.pbtxt").write_text("error: 0.0")
    assert prepare(command, names=[], cache=cache)[-2:] == [command[1], "--load-model=sr-x2"]
    assert len(starts(log)) == 3


def test_named_models_alone_are_loaded(add_model, command, cache, log) -> None:
    add_model("sr-x2")
    add_model("weather")
    assert prepare(command, names=["weather"], cache=cache)[-1] == "--load-model=weather"
    assert "--load-model=sr-x2" not in starts(log)[0]
    with pytest.raises(GpuServerError, match=r"names sr-x9, but .* contains sr-x2, weather"):
        prepare(command, names=["sr-x9"], cache=cache)


def test_a_repository_for_a_cpu_is_refused(add_model, command, cache) -> None:
    (add_model("sr-x2") / "reference/reference.json").unlink()
    with pytest.raises(GpuServerError, match="was not exported for a GPU: run `make export"):
        prepare(command, names=[], cache=cache)


def test_a_server_that_ends_is_an_error(add_model, command, cache, make_server) -> None:
    add_model("sr-x2")
    make_server(fails=True)
    with pytest.raises(GpuServerError, match="ended with status 3 before it was ready"):
        prepare(command, names=[], cache=cache)


def test_engines_lie_in_a_folder_of_the_image_and_the_card(cache, tmp_path: Path) -> None:
    for machine in ("26.10-L4", "26.11-L4"):
        opened = EngineCache(volume=tmp_path / "volume", machine=machine, link=tmp_path / "link")
        opened.open()
        assert (tmp_path / "link").resolve() == tmp_path / "volume" / machine / "engines"


def test_a_volume_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "volume").write_text("a file")
    cache = EngineCache(volume=tmp_path / "volume", machine="x", link=tmp_path / "link")
    with pytest.raises(GpuServerError, match="it must be writable for user"):
        cache.open()


def test_image_card_and_driver_name_the_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("NVIDIA_TRITON_SERVER_VERSION", raising=False)
    with pytest.raises(GpuServerError, match="NVIDIA_TRITON_SERVER_VERSION is not set"):
        identify_machine()
    monkeypatch.setenv("NVIDIA_TRITON_SERVER_VERSION", "26.10")
    with pytest.raises(GpuServerError, match="no GPU"):
        identify_machine()
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA L4, 8.9, 580.1'\necho 'NVIDIA L4, 8.9, 580.1'\n")
    program.chmod(0o755)
    assert identify_machine() == "26.10-NVIDIA-L4-8.9-580.1"


def test_the_process_becomes_the_server(
    add_model, command, cache, monkeypatch, tmp_path: Path
) -> None:
    add_model("sr-x2")
    monkeypatch.setattr(gpu_server, "identify_machine", lambda: "machine")
    monkeypatch.setattr(gpu_server, "_VOLUME", tmp_path / "volume")
    monkeypatch.setattr(gpu_server, "_LINK", tmp_path / "link")
    became: list[list[str]] = []
    monkeypatch.setattr(gpu_server.os, "execvp", lambda _, arguments: became.append(arguments))
    monkeypatch.setattr(gpu_server.signal, "signal", lambda *_: None)
    monkeypatch.setenv("HIIR_MODELS", '["sr-x2"]')
    main(command)
    assert became[0][-1] == "--load-model=sr-x2"
    monkeypatch.setenv("HIIR_MODELS", "sr-x2")
    assert main(command) == 1
    assert len(became) == 1


def test_psnr_is_that_of_the_export(add_model) -> None:
    from hiir.export.parity import MIN_HALF_PSNR

    assert MIN_PSNR == MIN_HALF_PSNR
    folder = add_model("sr-x2")
    (model,) = read_models(folder.parent, [])
    assert model.psnr(model.read_input()) == float("inf")
    assert model.psnr(model.read_input()[:-4]) == float("-inf")
