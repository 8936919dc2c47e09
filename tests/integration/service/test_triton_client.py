"""Tiles through the real Triton: answers, refusals, outages and cancellation."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient

from service.errors import InferenceFailedError, InferenceUnavailableError, ModelMismatchError
from service.inference import triton as triton_module
from service.inference.triton import TritonClient, TritonEngine
from service.observability.logs import trace_context
from service.observability.trace_context import TraceContext
from service.settings import InferenceSettings
from tests.integration.service.models import contract
from tests.integration.service.stack import Stack

pytestmark = pytest.mark.integration
OpenEngine = Callable[..., Any]
IMPATIENT = {"outage_seconds": 1.0, "fault_seconds": 1.0}


@pytest.fixture
def open_engine(stack: Stack) -> Iterator[OpenEngine]:
    clients: list[TritonClient] = []

    @contextmanager
    def open_one(
        name: str = "identity", *, tile: int = 64, url: str | None = None, **settings: float
    ) -> Iterator[TritonEngine]:
        chosen = InferenceSettings(**{"tiles_in_flight": 4, **settings})  # type: ignore[arg-type]
        clients.append(TritonClient(url=url or stack.triton_url, settings=chosen))
        with clients[-1].engine(contract(name, tile=tile)) as engine:
            yield engine

    yield open_one
    for client in clients:
        client.close()


def tile(side: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((1, 3, side, side), np.float32)


def test_tiles_come_back_to_whom_they_belong(
    open_engine: OpenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sluggish(InferenceServerClient):
        """Stays for long where two threads could take each other's call."""

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "_call_future":
                time.sleep(0.005)

    monkeypatch.setattr(triton_module, "InferenceServerClient", Sluggish)
    tiles = [tile(seed=seed) for seed in range(50)]
    with open_engine(tiles_in_flight=8) as engine:
        engine.require_model()
        for sent, future in [(sent, engine.submit(sent)) for sent in tiles]:
            np.testing.assert_array_equal(future.result(60), sent)


def test_tile_of_many_megabytes_passes(open_engine: OpenEngine) -> None:
    sent = tile(1024)
    assert sent.nbytes > 4 * 2**20, "not more than gRPC's own limit"
    with open_engine("huge-identity", tile=1024) as engine:
        engine.require_model()
        np.testing.assert_array_equal(engine.submit(sent).result(60), sent)


def test_other_version_than_the_contract_says_is_refused(
    stack: Stack, open_engine: OpenEngine
) -> None:
    with (
        open_engine(tile=128) as engine,
        pytest.raises(ModelMismatchError, match="input") as caught,
    ):
        engine.require_model()
    assert "(3, 128, 128)" in str(caught.value.limit)
    assert "(3, 64, 64)" in str(caught.value.actual)


def test_model_that_is_not_served_is_refused_after_a_while(open_engine: OpenEngine) -> None:
    with open_engine("absent", **IMPATIENT) as engine, pytest.raises(ModelMismatchError):
        engine.require_model()


def test_tile_of_another_shape_is_refused_at_once(open_engine: OpenEngine) -> None:
    with open_engine() as engine, pytest.raises(InferenceFailedError):
        engine.submit(tile(32)).result(10)


def test_absent_server_is_given_up_after_the_outage_limit(open_engine: OpenEngine) -> None:
    began = time.monotonic()
    with (
        open_engine(url="127.0.0.1:1", **IMPATIENT) as engine,
        pytest.raises(InferenceUnavailableError),
    ):
        engine.submit(tile()).result(60)
    assert time.monotonic() - began >= 1


def test_server_that_hangs_is_noticed_by_the_deadline(
    stack: Stack, open_engine: OpenEngine
) -> None:
    process = stack.triton.processes()
    with open_engine(tile_seconds=0.5, **IMPATIENT) as engine:
        for one in process:
            one.suspend()
        try:
            with pytest.raises(InferenceUnavailableError):
                engine.submit(tile()).result(60)
        finally:
            for one in process:
                one.resume()
        np.testing.assert_array_equal(engine.submit(tile()).result(60), tile())


def test_tiles_in_flight_survive_a_restart_of_the_server(
    stack: Stack, open_engine: OpenEngine
) -> None:
    with open_engine("slow-identity") as engine:
        futures = [engine.submit(tile(seed=seed)) for seed in range(6)]
        futures[0].result(60)
        stack.triton.kill()
        stack.start()
        for seed, future in enumerate(futures):
            np.testing.assert_array_equal(future.result(60), tile(seed=seed))


def test_abort_ends_every_tile_here_and_in_triton(open_engine: OpenEngine) -> None:
    with open_engine("slow-identity", tiles_in_flight=8) as engine:
        engine.submit(tile()).result(60)
        began = time.monotonic()
        engine.submit(tile()).result(60)
        one = time.monotonic() - began
        futures = [engine.submit(tile(seed=seed)) for seed in range(30)]
        engine.abort()
        for future in futures:
            with pytest.raises(CancelledError):
                future.result(60)
    began = time.monotonic()
    with open_engine("slow-identity") as engine:
        engine.submit(tile()).result(60)
    # Had Triton gone on with the 30 tiles, this one would have come after them.
    assert time.monotonic() - began < 15 * one


def test_retries_end_with_an_abort(open_engine: OpenEngine) -> None:
    with open_engine(url="127.0.0.1:1") as engine:
        future = engine.submit(tile())
        time.sleep(0.3)
        began = time.monotonic()
        engine.abort()
        with pytest.raises(CancelledError):
            future.result(60)
    assert time.monotonic() - began < 5


def test_trace_is_handed_on_with_every_tile(
    open_engine: OpenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []

    class Watched(InferenceServerClient):
        def async_infer(self, *arguments: Any, headers: Any = None, **options: Any) -> Any:
            sent.append(headers)
            return super().async_infer(*arguments, headers=headers, **options)

    monkeypatch.setattr(triton_module, "InferenceServerClient", Watched)
    trace = replace(TraceContext.root(), flags="01")
    with open_engine() as engine:
        with trace_context(trace):
            futures = [engine.submit(tile(seed=seed)) for seed in range(3)]
        for seed, future in enumerate(futures):
            np.testing.assert_array_equal(future.result(60), tile(seed=seed))
        engine.submit(tile()).result(60)
    assert sent == [*[{"traceparent": trace.traceparent}] * 3, None]
