"""A model's folder in the repository that Triton serves: configuration and graph."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path

from hiir.export.onnx import INPUT, OUTPUT, export_onnx, read_fingerprint
from hiir.export.parity import check_parity
from hiir.imaging import ModelContract
from hiir.models.release import Release, zoo_path

__all__ = ["DEFAULT_INSTANCES", "export_release", "render_config"]

_MAX_BATCH = 8
_QUEUE_DELAY_US = 2000
DEFAULT_INSTANCES = 2
_SOURCES = ("export", "layers", "models")


def export_release(
    release: Release, repository: Path, *, instances: int = DEFAULT_INSTANCES
) -> bool:
    """Write ``<model>/config.pbtxt`` and ``<model>/1/model.onnx``; False if they were up to date.

    Raises:
        ParityError: if the graph does not compute what the module computes; nothing is replaced.
    """
    folder = repository / release.contract.name
    graph = folder / "1" / "model.onnx"
    config = render_config(release.contract, instances=instances)
    fingerprint = _fingerprint(release.contract)
    if read_fingerprint(graph) == fingerprint and _read(folder / "config.pbtxt") == config:
        return False
    # Checked under another name: a graph that failed must not be served.
    candidate = graph.with_name("candidate.onnx")
    try:
        export_onnx(release.model, release.contract, candidate, fingerprint=fingerprint)
        check_parity(release.model, release.contract, candidate)
        candidate.replace(graph)
    finally:
        candidate.unlink(missing_ok=True)
    (folder / "config.pbtxt").write_text(config)
    return True


def render_config(contract: ModelContract, *, instances: int = DEFAULT_INSTANCES) -> str:
    """The whole ``config.pbtxt``: nothing is left to auto-completion.

    No instance kind is named, so that the same file serves on a CPU and on a GPU. On a CPU each
    instance has one thread: instances scale with the cores, while the threads of one instance
    wait for each other at every small operation, all the more where other processes run.
    """
    side, scaled = contract.tile, contract.tile * contract.scale
    lines = [
        "# Written by `hiir export`; do not edit.",
        f'name: "{contract.name}"',
        'backend: "onnxruntime"',
        'default_model_filename: "model.onnx"',
        f"max_batch_size: {_MAX_BATCH}",
        _tensor("input", INPUT, contract.input_channels, side),
        _tensor("output", OUTPUT, contract.output_channels, scaled),
        f"dynamic_batching {{ max_queue_delay_microseconds: {_QUEUE_DELAY_US} }}",
        f"instance_group [ {{ count: {instances} }} ]",
        _parameter("intra_op_thread_count", "1"),
        *(_parameter(key, value) for key, value in sorted(contract.to_parameters().items())),
    ]
    return "\n".join(lines) + "\n"


def _tensor(kind: str, name: str, channels: int, side: int) -> str:
    dims = f"dims: [ {channels}, {side}, {side} ]"
    return f'{kind} [ {{ name: "{name}" data_type: TYPE_FP32 {dims} }} ]'


def _parameter(key: str, value: str) -> str:
    # The escapes of a JSON string are those of a protobuf text string.
    text = json.dumps(value)
    return f'parameters {{ key: "{key}" value: {{ string_value: {text} }} }}'


def _read(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


def _fingerprint(contract: ModelContract) -> str:
    """Hash of all that decides the graph: the weights and the code from them to the file."""
    digest = hashlib.sha256(zoo_path(contract.name).read_bytes())
    for package in _SOURCES:
        for source in sorted(Path(str(files(f"hiir.{package}"))).glob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()
