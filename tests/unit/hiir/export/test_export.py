from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInstanceGroup

from gpu_server.repository import read_models
from hiir.export import triton
from hiir.export.artifacts import export_artifacts, untrained_release
from hiir.export.graph_form import ExportFormat, Precision, Samples
from hiir.export.onnx import OPSET, export_onnx, read_fingerprint
from hiir.export.parity import (
    MAX_RELATIVE_ERROR,
    MIN_HALF_PSNR,
    ParityError,
    check_parity,
    check_torchscript,
)
from hiir.export.torchscript import export_torchscript
from hiir.export.triton import export_release
from hiir.export.triton_config import ENGINES, Target, render_config
from hiir.imaging import ModelContract
from hiir.layers.layer_config import ArchitectureError
from hiir.models.presets import build_model
from hiir.models.release import Release, load_release
from service.catalogue.models import ModelCatalogue

PRESET = "ushape-compact-color"
# One layer a stage: what is exported has every kind of layer, and a graph takes half the time.
SHALLOW = {"layers": [1, 1, 1], "decoder_layers": [1, 1]}


@pytest.fixture
def contract(make_contract) -> ModelContract:
    return make_contract(architecture=PRESET, tile=64, size_multiple=64)


@pytest.fixture
def model(scale_up):
    torch.manual_seed(0)
    return scale_up(build_model(PRESET, SHALLOW))


def test_the_parity_check_sees_the_position_bias(model, contract, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export_onnx(model, contract, path)
    bias = model.encoder[0].layers[0].dispersed.position_bias
    bias.fused = bias.fused.flip(-1)
    with pytest.raises(ParityError, match="relative error"):
        check_parity(model, contract, path)


def test_the_graph_has_one_tile_size_and_any_batch(model, contract, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export_onnx(model, contract, path)
    graph = onnx.load(path)
    (tensor,) = graph.graph.input
    dims = [d.dim_param or d.dim_value for d in tensor.type.tensor_type.shape.dim]
    assert (tensor.name, dims) == ("input", ["batch", 3, 64, 64])
    assert [item.version for item in graph.opset_import if not item.domain] == [OPSET]
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    tiles = np.random.default_rng(0).random((5, 3, 64, 64), np.float32)
    (together,) = session.run(["output"], {"input": tiles})
    (alone,) = session.run(["output"], {"input": tiles[3:4]})
    np.testing.assert_allclose(together[3:4], alone, atol=1e-5)


def test_a_graph_of_any_size_pads_what_does_not_fit(model, contract, tmp_path: Path) -> None:
    path, form = tmp_path / "model.onnx", ExportFormat(dynamic_size=True)
    export_onnx(model, contract, path, form=form)
    assert check_parity(model, contract, path, form=form, batch=2) <= MAX_RELATIVE_ERROR
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    for height, width in ((64, 64), (31, 130)):
        image = torch.rand(1, 3, height, width)
        (actual,) = session.run(["output"], {"input": image.numpy()})
        with torch.inference_mode():
            expected = model(image).numpy()
        assert np.abs(actual - expected).max() <= MAX_RELATIVE_ERROR * np.abs(expected).max()


@pytest.mark.slow
@pytest.mark.parametrize("precision", list(Precision))
def test_a_graph_of_bytes_scales_clips_and_rounds(model, contract, tmp_path, precision) -> None:
    path = tmp_path / "model.onnx"
    form = ExportFormat(samples=Samples.UINT8, precision=precision)
    export_onnx(model, contract, path, form=form)
    check_parity(model, contract, path, form=form, batch=2)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(1).integers(0, 256, (1, 64, 64, 3), np.uint8)
    (restored,) = session.run(["output"], {"input": pixels})
    assert (restored.shape, restored.dtype) == (pixels.shape, np.uint8)


@pytest.mark.slow
def test_half_precision_is_half_as_large(model, contract, tmp_path: Path) -> None:
    full, half = tmp_path / "model.onnx", tmp_path / "model.fp16.onnx"
    export_onnx(model, contract, full)
    export_onnx(model, contract, half, form=ExportFormat(precision=Precision.FP16))
    assert half.stat().st_size < 0.65 * full.stat().st_size


@pytest.mark.slow
def test_half_precision_that_is_too_far_off_is_refused(model, contract, tmp_path: Path) -> None:
    path, form = tmp_path / "model.onnx", ExportFormat(precision=Precision.FP16)
    export_onnx(model, contract, path, form=form)
    with torch.no_grad():
        model.conv_last.bias.add_(0.01)
    with pytest.raises(ParityError, match=f"dB to torch in float32, at least {MIN_HALF_PSNR:g}"):
        check_parity(model, contract, path, form=form)


@pytest.mark.slow
@pytest.mark.parametrize("samples", list(Samples))
def test_half_precision_that_overflows_on_a_gpu_is_refused(tmp_path: Path, samples) -> None:
    """ONNX Runtime's CPU provider does not see it: there the graph agrees to 79 dB."""
    release = load_release("sr-x4")
    contract = replace(release.contract, tile=64)
    model = release.model.unfuse()
    attention = model.stages[0].layers[0].dispersed
    with torch.no_grad():
        attention.qkv.weight[2 * attention.qk_channels :] *= 1e6
        attention.qkv.bias[2 * attention.qk_channels :] *= 1e6
        model.stages[0].layers[0].project.weight *= 1e-6
    path, form = tmp_path / "model.onnx", ExportFormat(precision=Precision.FP16, samples=samples)
    export_onnx(model.fuse(), contract, path, form=form)
    with pytest.raises(
        ParityError, match=r"values reach .* of stages\.0\.layers\.0\.dispersed, at"
    ):
        check_parity(model, contract, path, form=form)


@pytest.mark.slow
def test_bytes_that_differ_by_more_than_a_rounding_are_refused(model, contract, tmp_path) -> None:
    path, form = tmp_path / "model.onnx", ExportFormat(samples=Samples.UINT8)
    export_onnx(model, contract, path, form=form)
    with torch.no_grad():
        model.conv_last.bias.add_(0.01)
    with pytest.raises(ParityError, match="8-bit values differ by up to"):
        check_parity(model, contract, path, form=form)


def test_torchscript_that_differs_is_refused(model, contract, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    export_torchscript(model, contract, path)
    assert check_torchscript(model, contract, path) <= MAX_RELATIVE_ERROR
    with torch.no_grad():
        model.conv_last.bias.add_(0.01)
    with pytest.raises(ParityError, match="relative error"):
        check_torchscript(model, contract, path)


@pytest.mark.parametrize("target", list(Target))
def test_the_service_reads_the_contract_from_the_config(contract, tmp_path, target) -> None:
    folder = tmp_path / contract.name
    folder.mkdir()
    (folder / "config.pbtxt").write_text(render_config(contract, target=target))
    assert ModelCatalogue.read(tmp_path).get(contract.name) == contract


def parse_config(text: str) -> ModelConfig:
    """Read a configuration as Triton does: an unknown field is an error."""
    return text_format.Parse(text, ModelConfig())


def test_the_config_leaves_nothing_to_auto_completion(contract) -> None:
    config = parse_config(render_config(contract))
    assert config.backend == "openvino"
    assert config.max_batch_size == 8
    assert [group.count for group in config.instance_group] == [1]
    for tensor, name in [(config.input, "input"), (config.output, "output")]:
        (only,) = tensor
        assert (only.name, only.data_type) == (name, DataType.TYPE_FP32)
        assert list(only.dims) == [3, -1, -1]


def test_a_gpu_runs_tensorrt_in_half_precision_warmed_up_for_every_batch(contract) -> None:
    config = parse_config(render_config(contract, target=Target.GPU, instances=3))
    assert config.backend == "onnxruntime"
    assert list(config.input[0].dims) == [3, 64, 64]
    (group,) = config.instance_group
    assert (group.kind, group.count) == (ModelInstanceGroup.KIND_GPU, 3)
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert accelerator.name == "tensorrt"
    assert accelerator.parameters["precision_mode"] == "FP16"
    assert accelerator.parameters["trt_layer_norm_fp32_fallback"] == "true"
    assert accelerator.parameters["trt_profile_min_shapes"] == "input:1x3x64x64"
    assert accelerator.parameters["trt_profile_max_shapes"] == "input:8x3x64x64"
    assert [warmup.batch_size for warmup in config.model_warmup] == [1, 8]
    assert "NUM_STREAMS" not in render_config(contract, target=Target.GPU)


# What `ModelState::LoadModel` of triton-inference-server/onnxruntime_backend compares `param_key`
# with for the accelerator "tensorrt" (src/onnxruntime.cc, commit 02ffb9ed, read in November 2026).
# Any other key is the error "unknown parameter ... is provided for TensorRT Execution Accelerator".
TENSORRT_KEYS = {
    "precision_mode",
    "max_workspace_size_bytes",
    "trt_max_partition_iterations",
    "trt_min_subgraph_size",
    "int8_calibration_table_name",
    "int8_use_native_calibration_table",
    "trt_dla_enable",
    "trt_dla_core",
    "trt_engine_cache_enable",
    "trt_engine_cache_path",
    "trt_engine_cache_prefix",
    "trt_dump_subgraphs",
    "trt_force_sequential_engine_build",
    "trt_context_memory_sharing_enable",
    "trt_layer_norm_fp32_fallback",
    "trt_timing_cache_enable",
    "trt_timing_cache_path",
    "trt_force_timing_cache",
    "trt_detailed_build_log",
    "trt_build_heuristics_enable",
    "trt_sparsity_enable",
    "trt_builder_optimization_level",
    "trt_auxiliary_streams",
    "trt_tactic_sources",
    "trt_extra_plugin_lib_paths",
    "trt_profile_min_shapes",
    "trt_profile_max_shapes",
    "trt_profile_opt_shapes",
    "trt_cuda_graph_enable",
    "trt_dump_ep_context_model",
    "trt_ep_context_file_path",
    "trt_ep_context_embed_mode",
}
# `precision_mode` takes these, `ParseBoolValue` of the backend "true", "false", "1" and "0" in any
# case of letters, `ParseUnsignedLongLongValue` digits.
TENSORRT_PRECISIONS = {"FP32", "FP16", "BF16", "INT8"}
# What the same function and `ModelState` read of `parameters`; these change how a model runs.
BACKEND_PARAMETERS = {
    "arena_extend_strategy",
    "cudnn_conv_algo_search",
    "enable_mem_arena",
    "enable_mem_pattern",
    "execution_mode",
    "gpu_mem_limit",
    "inter_op_thread_count",
    "intra_op_thread_count",
    "session.use_device_allocator_for_initializers",
    "share_session_between_instances",
}


def tensorrt_options(contract: ModelContract) -> dict[str, str]:
    config = parse_config(render_config(contract, target=Target.GPU))
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    # `kTensorRTExecutionAccelerator`, the only name beside "cuda" that the backend knows.
    assert accelerator.name == "tensorrt"
    return dict(accelerator.parameters)


def test_the_backend_reads_every_option_of_tensorrt(contract) -> None:
    options = tensorrt_options(contract)
    assert options.keys() <= TENSORRT_KEYS
    assert options["precision_mode"] in TENSORRT_PRECISIONS
    assert int(options["max_workspace_size_bytes"]) == 1 << 30
    for key, value in options.items():
        if key.endswith(("_enable", "_fallback")):
            assert value == "true", key


def test_no_parameter_of_the_contract_is_one_of_the_backend(contract) -> None:
    config = parse_config(render_config(contract, target=Target.GPU))
    assert not config.parameters.keys() & BACKEND_PARAMETERS


def test_a_gpu_runs_one_instance_and_caches_what_it_builds(contract) -> None:
    config = parse_config(render_config(contract, target=Target.GPU))
    assert [group.count for group in config.instance_group] == [1]
    options = tensorrt_options(contract)
    assert options["trt_engine_cache_path"] == options["trt_timing_cache_path"]
    # ONNX Runtime makes one level of folders: `ENGINES` is made by docker/gpu_server.
    assert str(Path(options["trt_engine_cache_path"]).parent) == ENGINES


def test_models_of_one_architecture_and_new_weights_share_no_engine(contract) -> None:
    others = [replace(contract, name="other"), replace(contract, sha256="f" * 64)]
    caches = {tensorrt_options(each)["trt_engine_cache_path"] for each in (contract, *others)}
    assert len(caches) == 3


def test_the_fallback_is_the_same_model_without_tensorrt(contract) -> None:
    whole = parse_config(render_config(contract, target=Target.GPU))
    fallback = parse_config(render_config(contract, target=Target.GPU, tensorrt=False))
    assert not fallback.HasField("optimization")
    whole.ClearField("optimization")
    assert fallback == whole


@pytest.mark.slow
def test_a_gpu_repository_holds_what_its_server_checks(release, tmp_path: Path) -> None:
    assert export_release(release, tmp_path, target=Target.GPU)
    assert not export_release(release, tmp_path, target=Target.GPU)
    (model,) = read_models(tmp_path, [])
    values = model.read_input()
    tiles = torch.from_numpy(np.frombuffer(values, "<f4").reshape(model.input_shape).copy())
    with torch.inference_mode():
        expected = release.model(tiles).numpy()
    assert model.output_shape == expected.shape
    assert model.psnr(expected.tobytes()) > 100
    assert model.psnr((expected + 0.1).astype("<f4").tobytes()) < MIN_HALF_PSNR
    session = ort.InferenceSession(model.folder / "1/model.onnx")
    (half,) = session.run(["output"], {"input": tiles.numpy()})
    assert MIN_HALF_PSNR < model.psnr(half.tobytes()) < 100
    # New weights get new tiles.
    other = replace(release, contract=replace(release.contract, sha256="f" * 64))
    digest = model.digest
    assert export_release(other, tmp_path, target=Target.GPU)
    assert model.digest != digest


def test_bytes_are_configured_as_bytes(make_contract) -> None:
    contract = make_contract(scale=2, tile=16)
    config = parse_config(render_config(contract, target=Target.GPU, samples=Samples.UINT8))
    assert config.input[0].data_type == DataType.TYPE_UINT8
    assert list(config.input[0].dims) == [16, 16, 3]
    assert list(config.output[0].dims) == [32, 32, 3]


@pytest.fixture
def release(model, contract) -> Release:
    return Release(model=model, contract=contract)


@pytest.mark.slow
def test_an_export_is_repeated_only_if_something_changed(release, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    assert export_release(release, repository)
    assert not export_release(release, repository)
    assert export_release(release, repository, target=Target.GPU)
    assert export_release(release, repository, target=Target.GPU, instances=3)
    other = replace(release, contract=replace(release.contract, sha256="f" * 64))
    assert export_release(other, repository)


def test_a_tile_that_does_not_fit_the_network_is_not_exported(release, tmp_path: Path) -> None:
    wrong = replace(release.contract, tile=96, size_multiple=32)
    with pytest.raises(ArchitectureError, match="tile 96 must be a positive multiple of 64"):
        export_release(replace(release, contract=wrong), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_graph_that_differs_is_not_served(release, tmp_path: Path, monkeypatch) -> None:
    repository = tmp_path / "repository"
    export_release(release, repository)
    graph = repository / release.contract.name / "1" / "model.onnx"
    before = graph.read_bytes()

    def export_another(model, contract, path, **options) -> None:
        export_onnx(build_model(PRESET, SHALLOW).eval().fuse(), contract, path, **options)

    monkeypatch.setattr(triton, "export_onnx", export_another)
    other = replace(release, contract=replace(release.contract, sha256="f" * 64))
    with pytest.raises(ParityError):
        export_release(other, repository)
    assert graph.read_bytes() == before
    assert list(graph.parent.iterdir()) == [graph]


@pytest.mark.slow
def test_every_form_is_written_once(release, tmp_path: Path) -> None:
    written = dict(export_artifacts(release, tmp_path))
    assert {path.name for path in written} == {
        "model.onnx",
        "model.fp16.onnx",
        "model.uint8.onnx",
        "model.uint8.fp16.onnx",
        "model.dynamic.onnx",
        "model.dynamic.uint8.onnx",
        "model.pt",
        "config.cpu.pbtxt",
        "config.cpu.uint8.pbtxt",
        "config.gpu.pbtxt",
        "config.gpu.uint8.pbtxt",
    }
    assert all(written.values())
    assert all(path.is_file() for path in written)
    assert not any(dict(export_artifacts(release, tmp_path)).values())
    gpu = parse_config((tmp_path / "config.gpu.uint8.pbtxt").read_text())
    assert gpu.default_model_filename == "model.uint8.fp16.onnx"


def test_a_preset_is_exported_with_weights_that_are_always_the_same() -> None:
    first, second = untrained_release(PRESET), untrained_release(PRESET)
    assert first.contract == second.contract
    assert first.contract.provenance == {"weights": "fresh, seed 0"}
    assert untrained_release("columnar-compact-x3").contract.tile == 64


def test_an_absent_graph_has_no_fingerprint(tmp_path: Path) -> None:
    assert read_fingerprint(tmp_path / "model.onnx") is None
