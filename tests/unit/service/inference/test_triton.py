"""The translation of Triton's errors, complete, and the check of a served model."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import model_config_pb2
from tritonclient.utils import InferenceServerException

from hiir.imaging import ModelContract
from service.errors import (
    GpuOutOfMemoryError,
    InferenceFailedError,
    InferenceUnavailableError,
    ModelMismatchError,
    ServiceError,
)
from service.inference.triton import (
    ERROR_KINDS,
    ErrorKind,
    TritonEngine,
    check_served,
    translate_triton_error,
)
from service.observability.logs import trace_context
from service.observability.trace_context import TraceContext
from service.settings import InferenceSettings

SETTINGS = InferenceSettings(outage_seconds=300, fault_seconds=60)
MakeContract = Callable[..., ModelContract]


def error(status: grpc.StatusCode | None) -> InferenceServerException:
    return InferenceServerException("text of a third party", status=str(status) if status else None)


def test_every_status_of_grpc_is_translated() -> None:
    assert set(ERROR_KINDS) == set(grpc.StatusCode)
    for status in grpc.StatusCode:
        problem, _ = translate_triton_error(error(status), SETTINGS)
        assert isinstance(problem, ServiceError)
        assert problem.detail
        assert "third party" not in problem.detail


@pytest.mark.parametrize(
    ("status", "kind", "patience"),
    [
        (grpc.StatusCode.UNAVAILABLE, InferenceUnavailableError, 300),
        (grpc.StatusCode.DEADLINE_EXCEEDED, InferenceUnavailableError, 300),
        (grpc.StatusCode.INTERNAL, InferenceFailedError, 60),
        (grpc.StatusCode.NOT_FOUND, ModelMismatchError, 60),
        (grpc.StatusCode.INVALID_ARGUMENT, InferenceFailedError, 0),
        (None, InferenceFailedError, 0),
    ],
)
def test_patience_is_for_what_may_pass(
    status: grpc.StatusCode | None, kind: type[ServiceError], patience: float
) -> None:
    problem, seconds = translate_triton_error(error(status), SETTINGS)
    assert type(problem) is kind
    assert seconds == patience


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: out of memory",
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for a buffer",
        "std::bad_alloc",
        "failed to allocate pinned system memory",
    ],
)
def test_lack_of_memory_is_told_by_its_words_alone(said: str) -> None:
    for status in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN):
        out = InferenceServerException(said, status=str(status))
        problem, seconds = translate_triton_error(out, SETTINGS)
        assert type(problem) is GpuOutOfMemoryError
        assert seconds == 60
    refused = InferenceServerException(said, status=str(grpc.StatusCode.INVALID_ARGUMENT))
    assert type(translate_triton_error(refused, SETTINGS)[0]) is InferenceFailedError


def test_error_of_grpc_itself_is_translated() -> None:
    class Lost(grpc.RpcError):
        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.UNAVAILABLE

    assert type(translate_triton_error(Lost(), SETTINGS)[0]) is InferenceUnavailableError
    assert type(translate_triton_error(grpc.RpcError(), SETTINGS)[0]) is InferenceFailedError


def test_status_that_ends_a_job_at_once_is_never_one_that_passes() -> None:
    passing = {status for status, kind in ERROR_KINDS.items() if kind is ErrorKind.UNAVAILABLE}
    assert passing == {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
    }


def served(contract: ModelContract, **changes: Any) -> Any:
    """The `ModelConfig` that Triton gives for a model."""
    side = contract.tile
    out = side * contract.scale
    fp32 = model_config_pb2.DataType.TYPE_FP32
    values: dict[str, Any] = {
        "max_batch_size": 8,
        "input": [
            {"name": "input", "data_type": fp32, "dims": [contract.input_channels, side, side]}
        ],
        "output": [
            {"name": "output", "data_type": fp32, "dims": [contract.output_channels, out, out]}
        ],
    }
    config = model_config_pb2.ModelConfig(**{**values, **changes})
    for key, value in contract.to_parameters().items():
        config.parameters[key].string_value = value
    return config


@pytest.mark.parametrize("scale", [1, 4])
def test_model_that_keeps_its_contract_passes(make_contract: MakeContract, scale: int) -> None:
    contract = make_contract(scale=scale)
    assert not check_served(served(contract), contract)


def test_a_model_may_leave_the_sides_of_tiles_free(make_contract: MakeContract) -> None:
    contract = make_contract(scale=2)
    free = {
        end: [{"name": end, "data_type": FP32, "dims": [3, -1, -1]}] for end in ("input", "output")
    }
    assert check_served(served(contract, **free), contract)


FP16 = model_config_pb2.DataType.TYPE_FP16
FP32 = model_config_pb2.DataType.TYPE_FP32


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_batch_size": 0}, "batches"),
        ({"input": [{"name": "input", "data_type": FP16, "dims": [3, 16, 16]}]}, "input"),
        ({"input": [{"name": "x", "data_type": FP32, "dims": [3, 16, 16]}]}, "input"),
        ({"input": [{"name": "input", "data_type": FP32, "dims": [3, -1, -1]}]}, "input"),
        ({"output": [{"name": "output", "data_type": FP32, "dims": [3, -1, -1]}]}, "output"),
        ({"input": []}, "input"),
        ({"output": [{"name": "output", "data_type": FP32, "dims": [3, 32, 32]}]}, "output"),
    ],
)
def test_model_that_breaks_its_contract_is_refused(
    make_contract: MakeContract, changes: dict[str, Any], said: str
) -> None:
    contract = make_contract()
    with pytest.raises(ModelMismatchError, match=said):
        check_served(served(contract, **changes), contract)


def test_other_weights_are_refused_with_both_versions(make_contract: MakeContract) -> None:
    contract = make_contract()
    other = replace(contract, version="2", sha256="f" * 64)
    with pytest.raises(ModelMismatchError) as caught:
        check_served(served(other), contract)
    assert caught.value.limit == f"1 {contract.sha256}"
    assert caught.value.actual == f"2 {'f' * 64}"


def test_model_without_a_contract_is_refused(make_contract: MakeContract) -> None:
    contract = make_contract()
    config = served(contract)
    del config.parameters["scale"]
    with pytest.raises(ModelMismatchError, match="no valid contract"):
        check_served(config, contract)


def test_each_tile_says_which_trace_it_belongs_to(make_contract: MakeContract) -> None:
    sent: list[dict[str, str] | None] = []

    class Answer:
        def as_numpy(self, name: str) -> np.ndarray:
            return np.zeros((1, 3, 16, 16), np.float32)

    class Client:
        def async_infer(self, *, headers: dict[str, str] | None, callback: Any, **_: Any) -> object:
            sent.append(headers)
            callback(result=Answer(), error=None)
            return object()

    client: Any = Client()
    engine = TritonEngine(
        client=client, sending=threading.Lock(), contract=make_contract(), settings=SETTINGS
    )
    trace = replace(TraceContext.root(), tracestate="rojo=1")
    tile = np.zeros((1, 3, 16, 16), np.float32)
    with trace_context(trace):
        engine.submit(tile).result()
    engine.submit(tile).result()
    engine.close()
    assert sent == [{"traceparent": trace.traceparent, "tracestate": "rojo=1"}, None]
