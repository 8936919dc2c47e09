"""Triton's "openvino" backend, as a Python backend over the openvino wheel (CPU).

Triton's stub process imports only this file, copied to `<backends>/openvino/model.py`, for each
model with `backend: "openvino"` in its `config.pbtxt`. So the same model repository works here and
with the native backend of NVIDIA's container, whose parameters it reads.

One process serves a model. OpenVINO runs one sample on each of its streams, one stream for each
core: several streams fill the cores, a batch on all of them does not. `execute` starts requests and
returns, so that Triton sends the next ones.
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
_CANCEL_POLL_S = 0.02
# One runs, one waits: no stream stands still while a response is sent.
_REQUESTS_PER_STREAM = 2
_CACHE_VARIABLE = "HIIR_OPENVINO_CACHE"


class TritonPythonModel:
    """One model, with the methods that Triton's Python backend calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Compile the file of this version; refuse a graph that its config contradicts."""
        _require_numpy_1()
        config = json.loads(args["model_config"])
        filename = config["default_model_filename"]
        path = Path(args["model_repository"], args["model_version"], filename)
        core = ov.Core()
        model = core.read_model(path)
        _check_tensors("input", config["input"], model.inputs)
        _check_tensors("output", config["output"], model.outputs)
        self._batches = config["max_batch_size"] > 0
        if self._batches:
            model.reshape({port: _one_sample(port.partial_shape) for port in model.inputs})
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        compiled = core.compile_model(model, "CPU", _properties(core, config.get("parameters", {})))
        count = _REQUESTS_PER_STREAM * compiled.get_property("NUM_STREAMS")
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(count):
            self._idle.put(compiled.create_infer_request())
        self._free = threading.Semaphore(count)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="infer")

    def execute(self, requests: Sequence[Any]) -> None:
        """Start the requests; wait only while every stream has enough to do."""
        for request in requests:
            self._free.acquire()
            sender = request.get_response_sender()
            try:
                # Copies: the request's memory is Triton's again when this method has returned.
                tensors = [np.array(_read(request, name)) for name in self._inputs]
                wanted = set(request.requested_output_names())
            except Exception as error:  # noqa: BLE001 - one that left this would fail all requests
                self._free.release()
                _send_failure(sender, str(error), pb_utils.TritonError.INTERNAL)
                continue
            self._threads.submit(self._answer, tensors, wanted, sender)

    def finalize(self) -> None:
        """Wait for what is running."""
        self._threads.shutdown(wait=True)

    def _answer(self, tensors: Sequence[Any], wanted: set[str], sender: Any) -> None:
        try:
            outputs = self._infer(tensors, sender)
            response = pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(name, output)
                    for name, output in zip(self._outputs, outputs, strict=True)
                    if name in wanted
                ]
            )
            sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        except Exception as error:  # noqa: BLE001 - an error affects its own request alone
            if sender.is_cancelled():
                _send_failure(sender, "canceled by the client", pb_utils.TritonError.CANCELLED)
            else:
                _send_failure(sender, str(error), pb_utils.TritonError.INTERNAL)
        finally:
            self._free.release()

    def _infer(self, tensors: Sequence[Any], sender: Any) -> list[Any]:
        """Run the samples of one request in order; raise if its client cancels it."""
        samples = len(tensors[0]) if self._batches else 1
        infer = self._idle.get()
        try:
            parts: list[list[Any]] = []
            for index in range(samples):
                one = slice(index, index + 1) if self._batches else slice(None)
                with _canceled_with(sender, infer):
                    results = infer.infer(
                        {
                            name: tensor[one]
                            for name, tensor in zip(self._inputs, tensors, strict=True)
                        }
                    )
                parts.append([np.array(results[name]) for name in self._outputs])
        finally:
            self._idle.put(infer)
        if samples == 1:
            return parts[0]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def _require_numpy_1() -> None:
    if int(np.__version__.partition(".")[0]) >= 2:
        raise pb_utils.TritonModelException(
            f"numpy {np.__version__} in the environment of Triton's Python stub: this Triton "
            "silently corrupts tensors with numpy 2; install 'numpy<2'"
        )


def _properties(core: Any, parameters: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Options of the CPU plugin, from the native backend's parameters; others are ignored."""
    values = {key: value["string_value"] for key, value in parameters.items()}
    named = values.get("NUM_STREAMS", "AUTO")
    streams = len(os.sched_getaffinity(0)) if named == "AUTO" else int(named)
    bfloat16 = values.get("HINT_BF16", "").upper() == "YES" and "BF16" in core.get_property(
        "CPU", "OPTIMIZATION_CAPABILITIES"
    )
    properties = {
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": int(values.get("INFERENCE_NUM_THREADS", streams)),
        # Left open, processors that have bfloat16 would use it.
        "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
        # The processes of all models would pin their streams to the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    if cache := os.environ.get(_CACHE_VARIABLE):
        properties["CACHE_DIR"] = cache
    return properties


def _one_sample(shape: Any) -> Any:
    return ov.PartialShape([1, *list(shape)[1:]])


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


def _read(request: Any, name: str) -> Any:
    return pb_utils.get_input_tensor_by_name(request, name).as_numpy()


def _send_failure(sender: Any, message: str, code: Any) -> None:
    response = pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
    sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


@contextmanager
def _canceled_with(sender: Any, infer: Any) -> Iterator[None]:
    """Cancel the inference in the block when the client cancels its request."""
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(_CANCEL_POLL_S):
            if sender.is_cancelled():
                infer.cancel()
                return

    watcher = threading.Thread(target=watch, name="cancel-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()
