"""Rendering of `config.pbtxt` for a CPU or a GPU, from a model's contract."""

import json
from collections.abc import Iterator
from enum import StrEnum

from hiir.export.fingerprint import fingerprint
from hiir.export.graph_form import ExportFormat, Precision, Samples
from hiir.export.onnx import INPUT, OUTPUT
from hiir.imaging import ModelContract

__all__ = ["ENGINES", "Target", "render_config"]

ENGINES = "/tmp/tensorrt"  # noqa: S108 - inside the server's container
"""Where TensorRT keeps engines; `docker/gpu_server` makes it a link to a volume."""

_MAX_BATCH = 8
_QUEUE_DELAY_US = 2000
_TYPES = {Samples.FLOAT32: "TYPE_FP32", Samples.UINT8: "TYPE_UINT8"}


class Target(StrEnum):
    """The device on which a model is served."""

    CPU = "cpu"
    GPU = "gpu"


def render_config(
    contract: ModelContract,
    *,
    target: Target = Target.CPU,
    instances: int = 1,
    samples: Samples = Samples.FLOAT32,
    filename: str = "model.onnx",
    tensorrt: bool = True,
) -> str:
    """Return the complete ``config.pbtxt``, without auto-completion.

    On a CPU OpenVINO serves the model, in tiles of any multiple of the contract's size, so that a
    small photo is not padded to a whole tile.

    On a GPU ONNX Runtime serves the model, in tiles of one size. TensorRT comes first, in half
    precision, for every batch up to the largest, and the CUDA provider runs what TensorRT does not
    support. Engines are built when the model is loaded, by the warm-up, and cached. Without
    `tensorrt`, the CUDA provider runs the whole graph.
    """
    gpu = target is Target.GPU
    side, scaled = (contract.tile, contract.tile * contract.scale) if gpu else (-1, -1)
    lines = [
        "# Written by `hiir export`; do not edit.",
        f'name: "{contract.name}"',
        f'backend: "{"onnxruntime" if gpu else "openvino"}"',
        f'default_model_filename: "{filename}"',
        f"max_batch_size: {_MAX_BATCH}",
        _tensor("input", INPUT, samples, _dims(samples, contract.input_channels, side)),
        _tensor("output", OUTPUT, samples, _dims(samples, contract.output_channels, scaled)),
        f"dynamic_batching {{ max_queue_delay_microseconds: {_QUEUE_DELAY_US} }}",
        *(_on_gpu(contract, instances, samples, tensorrt) if gpu else _on_cpu(contract)),
        *(_parameter(key, value) for key, value in sorted(contract.to_parameters().items())),
    ]
    return "\n".join(lines) + "\n"


def _on_cpu(contract: ModelContract) -> Iterator[str]:
    yield "instance_group [ { kind: KIND_CPU count: 1 } ]"
    # One stream for each core: the threads of one inference would wait for each other.
    yield _parameter("NUM_STREAMS", "AUTO")
    if contract.precision == "bf16":
        yield _parameter("HINT_BF16", "YES")


def _on_gpu(
    contract: ModelContract, instances: int, samples: Samples, tensorrt: bool
) -> Iterator[str]:
    dims = _dims(samples, contract.input_channels, contract.tile)
    yield f"instance_group [ {{ kind: KIND_GPU count: {instances} }} ]"
    if tensorrt:
        yield "optimization { execution_accelerators {"
        yield '  gpu_execution_accelerator [ { name: "tensorrt"'
        yield from (
            f'    parameters {{ key: "{key}" value: "{value}" }}'
            for key, value in _tensorrt_options(contract, samples, dims).items()
        )
        yield "  } ]"
        yield "} }"
    for batch in (1, _MAX_BATCH):
        yield (
            f'model_warmup [ {{ name: "batch of {batch}" batch_size: {batch} inputs {{ '
            f'key: "{INPUT}" value {{ data_type: {_TYPES[samples]} '
            f"dims: [ {_join(dims)} ] random_data: true }} }} }} ]"
        )


def _tensorrt_options(
    contract: ModelContract, samples: Samples, dims: tuple[int, ...]
) -> dict[str, str]:
    # ONNX Runtime names an engine after the graph's file name and node names. Models of one
    # architecture, and new weights of a model, would therefore load each other's engines if they
    # shared a folder. It makes the last level of a missing path only.
    form = ExportFormat(precision=Precision.FP16, samples=samples)
    cache = f"{ENGINES}/{contract.name}-{fingerprint(contract, form.filename)[:16]}"
    return {
        "precision_mode": "FP16",
        # Squares of what a layer norm averages overflow in half precision from 256 on.
        "trt_layer_norm_fp32_fallback": "true",
        "max_workspace_size_bytes": str(1 << 30),
        "trt_engine_cache_enable": "true",
        "trt_engine_cache_path": cache,
        "trt_timing_cache_enable": "true",
        "trt_timing_cache_path": cache,
        # One engine for every batch: without profiles each new batch size builds another.
        "trt_profile_min_shapes": _profile(1, dims),
        "trt_profile_opt_shapes": _profile(_MAX_BATCH // 2, dims),
        "trt_profile_max_shapes": _profile(_MAX_BATCH, dims),
    }


def _dims(samples: Samples, channels: int, side: int) -> tuple[int, int, int]:
    """Dimensions of one sample: planar floats, or interleaved bytes."""
    return (side, side, channels) if samples is Samples.UINT8 else (channels, side, side)


def _join(dims: tuple[int, ...]) -> str:
    return ", ".join(map(str, dims))


def _profile(batch: int, dims: tuple[int, ...]) -> str:
    return f"{INPUT}:" + "x".join(map(str, (batch, *dims)))


def _tensor(kind: str, name: str, samples: Samples, dims: tuple[int, ...]) -> str:
    return f'{kind} [ {{ name: "{name}" data_type: {_TYPES[samples]} dims: [ {_join(dims)} ] }} ]'


def _parameter(key: str, value: str) -> str:
    # The escapes of a JSON string are those of a protobuf text string.
    text = json.dumps(value)
    return f'parameters {{ key: "{key}" value: {{ string_value: {text} }} }}'
