"""Triton's "onnxruntime" backend, as a Python backend over the onnxruntime wheel (CPU).

Triton's stub process imports only this file, copied to `<backends>/onnxruntime/model.py`, for each
model with `backend: "onnxruntime"` in its `config.pbtxt`. So the same model repository works here
and with the native backend of NVIDIA's container.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils

# Data types by Triton's names and by ONNX Runtime's.
_ORT_TYPES = {
    "TYPE_BOOL": "tensor(bool)",
    "TYPE_UINT8": "tensor(uint8)",
    "TYPE_UINT16": "tensor(uint16)",
    "TYPE_UINT32": "tensor(uint32)",
    "TYPE_UINT64": "tensor(uint64)",
    "TYPE_INT8": "tensor(int8)",
    "TYPE_INT16": "tensor(int16)",
    "TYPE_INT32": "tensor(int32)",
    "TYPE_INT64": "tensor(int64)",
    "TYPE_FP16": "tensor(float16)",
    "TYPE_FP32": "tensor(float)",
    "TYPE_FP64": "tensor(double)",
    "TYPE_STRING": "tensor(string)",
}
_CANCEL_POLL_S = 0.02


class TritonPythonModel:
    """One instance of one model, with the methods that Triton's Python backend calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load `<model>/<version>/model.onnx`; refuse a graph that its config does not describe."""
        _require_numpy_1()
        config = json.loads(args["model_config"])
        self._batches = config["max_batch_size"] > 0
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]

        filename = config.get("default_model_filename") or "model.onnx"
        path = Path(args["model_repository"], args["model_version"], filename)
        self._session = ort.InferenceSession(
            path, _session_options(config.get("parameters", {})), ["CPUExecutionProvider"]
        )
        _check_tensors("input", config["input"], self._session.get_inputs())
        _check_tensors("output", config["output"], self._session.get_outputs())

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer all requests in order; an error affects only its own request."""
        if self._batches:
            return self._answer(requests)
        return [response for request in requests for response in self._answer([request])]

    def _answer(self, requests: Sequence[Any]) -> list[Any]:
        """Answer requests of equal tensor shapes by one run over their joined batch."""
        if all(request.is_cancelled() for request in requests):
            return [_failure("canceled by the client", pb_utils.TritonError.CANCELLED)] * len(
                requests
            )
        try:
            return self._run(requests)
        except Exception as error:  # noqa: BLE001 - one that left execute would fail all requests
            if len(requests) > 1:  # one bad request must not fail the others
                return [response for request in requests for response in self._answer([request])]
            if requests[0].is_cancelled():
                return [_failure("canceled while running", pb_utils.TritonError.CANCELLED)]
            return [_failure(str(error), pb_utils.TritonError.INTERNAL)]

    def _run(self, requests: Sequence[Any]) -> list[Any]:
        tensors = [[_read(request, name) for name in self._inputs] for request in requests]
        joined = tensors[0] if len(requests) == 1 else map(np.concatenate, zip(*tensors))  # noqa: B905 - one list per request, all of len(self._inputs)
        options = ort.RunOptions()
        with _terminated_on_cancel(requests, options):
            outputs = self._session.run(
                self._outputs, dict(zip(self._inputs, joined, strict=True)), options
            )
        if len(requests) == 1:
            return [self._response(requests[0], outputs)]
        ends = np.cumsum([arrays[0].shape[0] for arrays in tensors])[:-1]
        parts = [np.split(output, ends) for output in outputs]
        return [
            self._response(request, [part[index] for part in parts])
            for index, request in enumerate(requests)
        ]

    def _response(self, request: Any, arrays: Sequence[Any]) -> Any:
        wanted = set(request.requested_output_names())
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor(name, array)
                for name, array in zip(self._outputs, arrays, strict=True)
                if name in wanted
            ]
        )


def _require_numpy_1() -> None:
    if int(np.__version__.partition(".")[0]) >= 2:
        raise pb_utils.TritonModelException(
            f"numpy {np.__version__} in the environment of Triton's Python stub: this Triton "
            "silently corrupts tensors with numpy 2; install 'numpy<2'"
        )


def _session_options(parameters: Mapping[str, Mapping[str, str]]) -> Any:
    """Read the thread counts, under the native backend's names; other parameters are ignored."""
    options = ort.SessionOptions()
    if "intra_op_thread_count" in parameters:
        options.intra_op_num_threads = int(parameters["intra_op_thread_count"]["string_value"])
    if "inter_op_thread_count" in parameters:
        options.inter_op_num_threads = int(parameters["inter_op_thread_count"]["string_value"])
    return options


def _check_tensors(kind: str, declared: Sequence[Mapping[str, Any]], actual: Sequence[Any]) -> None:
    """Check names and data types of the config against the graph."""
    configured = {tensor["name"]: _ORT_TYPES[tensor["data_type"]] for tensor in declared}
    in_graph = {node.name: node.type for node in actual}
    # The config may omit outputs of the graph, but no input.
    agrees = configured == in_graph if kind == "input" else configured.items() <= in_graph.items()
    if not agrees:
        raise pb_utils.TritonModelException(
            f"config.pbtxt declares the {kind} tensors {configured}, model.onnx has {in_graph}"
        )


def _read(request: Any, name: str) -> Any:
    array = pb_utils.get_input_tensor_by_name(request, name).as_numpy()
    if array.dtype == np.object_:  # bytes to Triton; ONNX Runtime would take their repr()
        decoded = [item.decode() for item in array.flat]
        return np.array(decoded, dtype=np.object_).reshape(array.shape)
    return array


def _failure(message: str, code: Any) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))


@contextmanager
def _terminated_on_cancel(requests: Sequence[Any], options: Any) -> Iterator[None]:
    """Terminate the run in the block when all of its requests are canceled."""
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(_CANCEL_POLL_S):
            if all(request.is_cancelled() for request in requests):
                options.terminate = True
                return

    watcher = threading.Thread(target=watch, name="cancel-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()  # the requests are invalid after this call
