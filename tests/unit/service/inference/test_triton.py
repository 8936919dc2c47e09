"""The translation of Triton's errors, complete, and what is sent with a tile."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from hiir.imaging import ModelContract
from service.errors import (
    GpuOutOfMemoryError,
    InferenceFailedError,
    InferenceUnavailableError,
    ModelMismatchError,
    ServiceError,
)
from service.inference.route import Server
from service.inference.served_model import ServedModel
from service.inference.triton import TritonEngine
from service.inference.triton_errors import ERROR_KINDS, ErrorKind, translate_triton_error
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
        servers=[Server(address="one:1", client=client)],
        contract=make_contract(),
        settings=SETTINGS,
        served=ServedModel(),
    )
    trace = replace(TraceContext.root(), flags="01", tracestate="rojo=1")
    tile = np.zeros((1, 3, 16, 16), np.float32)
    with trace_context(trace):
        engine.submit(tile).result()
    with trace_context(replace(trace, flags="00")):  # Triton would record it all the same
        engine.submit(tile).result()
    engine.submit(tile).result()
    engine.close()
    assert sent == [{"traceparent": trace.traceparent, "tracestate": "rojo=1"}, None, None]


@pytest.mark.parametrize(("wanted", "threads"), [(None, 6), (2, 2)])
def test_as_many_tiles_are_sent_at_once_as_the_model_or_the_settings_say(
    make_contract: MakeContract, wanted: int | None, threads: int
) -> None:
    inside, most, enough = 0, 0, threading.Barrier(threads)
    lock = threading.Lock()

    class Answer:
        def as_numpy(self, name: str) -> np.ndarray:
            return np.zeros((1, 3, 16, 16), np.float32)

    class Client:
        def async_infer(self, *, callback: Any, **_: Any) -> object:
            threading.Thread(target=self._answer, args=[callback]).start()
            return object()

        def _answer(self, callback: Any) -> None:
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            enough.wait(10)  # until so many are there at once
            with lock:
                inside -= 1
            callback(result=Answer(), error=None)

    client: Any = Client()
    engine = TritonEngine(
        servers=[Server(address="one:1", client=client)],
        contract=make_contract(),
        settings=InferenceSettings(tiles_in_flight=wanted),
        served=ServedModel(tiles_in_flight=6),
    )
    futures = [engine.submit(np.zeros((1, 3, 16, 16), np.float32)) for _ in range(12)]
    for future in futures:
        future.result(20)
    engine.close()
    assert engine.tiles_in_flight == most == threads
