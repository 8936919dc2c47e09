"""Triton's "openvino" backend, as a Python backend over the openvino wheel (CPU).

Triton's stub process imports only this file, copied to `<backends>/openvino/model.py`, for each
model with `backend: "openvino"` in its `config.pbtxt`. So the same model repository works here and
with the native backend of NVIDIA's container, whose parameters it reads.

One process serves a model. OpenVINO runs one sample on each of its streams, one stream for each
core: several streams fill the cores, a batch on all of them does not.
"""

import json
import os
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import triton_python_backend_utils as pb_utils

# Data types by Triton's names and by OpenVINO's.
_OPENVINO_TYPES = {
    "TYPE_BOOL": "boolean",
    "TYPE_UINT8": "u8",
    "TYPE_UINT16": "u16",
    "TYPE_UINT32": "u32",
    "TYPE_UINT64": "u64",
    "TYPE_INT8": "i8",
    "TYPE_INT16": "i16",
    "TYPE_INT32": "i32",
    "TYPE_INT64": "i64",
    "TYPE_FP16": "f16",
    "TYPE_FP32": "f32",
    "TYPE_FP64": "f64",
}
_CACHE_FILE = "cache_dir"
"""Beside this file: where compiled graphs are kept."""


class TritonPythonModel:
    """One model, with the methods that Triton's Python backend calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Compile the file of this version; refuse a graph that its config contradicts."""
        _require_numpy_1()
        config = json.loads(args["model_config"])
        filename = config["default_model_filename"]
        path = Path(args["model_repository"], args["model_version"], filename)
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        self._graph = _Graph(path, config)
        # The largest tile, which most are, at once; other sizes when one comes.
        self._graph.runner(self._graph.usual_size)
        self._threads = ThreadPoolExecutor(self._graph.streams, thread_name_prefix="infer")

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer all requests, side by side; an error affects only its own request."""
        return list(self._threads.map(self._answer, requests))

    def finalize(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=True)

    def _answer(self, request: Any) -> Any:
        try:
            outputs = self._infer(request)
        except _Canceled:
            return _failure("canceled by the client", pb_utils.TritonError.CANCELLED)
        except Exception as error:  # noqa: BLE001 - one that left execute would fail all requests
            return _failure(str(error), pb_utils.TritonError.INTERNAL)
        wanted = set(request.requested_output_names())
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor(name, output)
                for name, output in zip(self._outputs, outputs, strict=True)
                if name in wanted
            ]
        )

    def _infer(self, request: Any) -> list[Any]:
        """Run the samples of one request in order; raise `_Canceled` if its client cancels it."""
        tensors = {
            name: pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in self._inputs
        }
        samples = len(next(iter(tensors.values()))) if self._graph.batches else 1
        size = next(iter(tensors.values())).shape[-2:]
        parts: list[list[Any]] = []
        with self._graph.runner(size).borrowed() as infer:
            for index in range(samples):
                if request.is_cancelled():
                    raise _Canceled
                one = slice(index, index + 1) if self._graph.batches else slice(None)
                results = infer.infer({name: tensor[one] for name, tensor in tensors.items()})
                parts.append([np.array(results[name]) for name in self._outputs])
        if samples == 1:
            return parts[0]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


class _Canceled(Exception):  # noqa: N818 - no error
    """The client has canceled its request."""


class _Graph:
    """A graph, compiled for its usual size and, where its config leaves the size free, for any.

    OpenVINO takes a fifth less time for a size that it knows when it compiles.
    """

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self._core = ov.Core()
        _initialize_bindings(self._core)
        self._path = path
        self._config = config
        self.batches: bool = config["max_batch_size"] > 0
        parameters = config.get("parameters", {})
        self._properties = _properties(self._core, parameters)
        self.streams: int = self._properties["NUM_STREAMS"]
        is_free = any("-1" in map(str, tensor["dims"]) for tensor in config["input"])
        tile = int(parameters["tile"]["string_value"]) if is_free and "tile" in parameters else None
        self.usual_size = None if tile is None else (tile, tile)
        self._lock = threading.Lock()
        self._runners: dict[Any, _Runner] = {}

    def runner(self, size: tuple[int, int] | None) -> "_Runner":
        """Return what infers tiles of this height and width; the first call compiles it."""
        known = size if size == self.usual_size else None
        with self._lock:
            if known not in self._runners:
                self._runners[known] = _Runner(self._compile(known), self.streams)
            return self._runners[known]

    def _compile(self, size: tuple[int, int] | None) -> Any:
        model = self._core.read_model(self._path)
        _check_tensors("input", self._config["input"], model.inputs)
        _check_tensors("output", self._config["output"], model.outputs)
        if self.batches:
            model.reshape({port: _one_sample(port.partial_shape, size) for port in model.inputs})
        return self._core.compile_model(model, "CPU", self._properties)


class _Runner:
    """A compiled graph and an inference request for each of its streams."""

    def __init__(self, compiled: Any, streams: int) -> None:
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._idle.put(compiled.create_infer_request())

    @contextmanager
    def borrowed(self) -> Iterator[Any]:
        """Give a request that is not in use."""
        request = self._idle.get()
        try:
            yield request
        finally:
            self._idle.put(request)


def _require_numpy_1() -> None:
    if int(np.__version__.partition(".")[0]) >= 2:
        raise pb_utils.TritonModelException(
            f"numpy {np.__version__} in the environment of Triton's Python stub: this Triton "
            "silently corrupts tensors with numpy 2; install 'numpy<2'"
        )


def _initialize_bindings(core: Any) -> None:
    """Infer once, in one thread: two threads that are the first to infer wait for each other.

    OpenVINO 2026.4 fills a static table of data types with and without the interpreter's lock.
    """
    parameter = ov.opset13.parameter([1], np.float32)
    model = ov.Model([parameter], [parameter], "nothing")
    core.compile_model(model, "CPU").create_infer_request().infer([np.zeros(1, np.float32)])


def _properties(core: Any, parameters: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Options of the CPU plugin, from the native backend's parameters; others are ignored."""
    values = {key: value["string_value"] for key, value in parameters.items()}
    named = values.get("NUM_STREAMS", "AUTO")
    streams = len(os.sched_getaffinity(0)) if named == "AUTO" else int(named)
    bfloat16 = values.get("HINT_BF16", "").upper() == "YES" and "BF16" in core.get_property(
        "CPU", "OPTIMIZATION_CAPABILITIES"
    )
    return {
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": int(values.get("INFERENCE_NUM_THREADS", streams)),
        # Left open, processors that have bfloat16 would use it.
        "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
        # The processes of all models would pin their streams to the same cores.
        "ENABLE_CPU_PINNING": False,
        # Compiled graphs load in a quarter of the time.
        "CACHE_DIR": Path(__file__).with_name(_CACHE_FILE).read_text(encoding="utf-8"),
    }


def _one_sample(shape: Any, size: tuple[int, int] | None) -> Any:
    sides = list(shape)[1:]
    return ov.PartialShape([1, *(sides if size is None else [*sides[:-2], *size])])


def _check_tensors(kind: str, declared: Sequence[Mapping[str, Any]], actual: Sequence[Any]) -> None:
    """Check names and data types of the config against the graph."""
    configured = {tensor["name"]: _OPENVINO_TYPES.get(tensor["data_type"]) for tensor in declared}
    in_graph = {port.any_name: port.element_type.get_type_name() for port in actual}
    # The config may omit outputs of the graph, but no input.
    agrees = configured == in_graph if kind == "input" else configured.items() <= in_graph.items()
    if not agrees:
        raise pb_utils.TritonModelException(
            f"config.pbtxt declares the {kind} tensors {configured}, model.onnx has {in_graph}"
        )


def _failure(message: str, code: Any) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
