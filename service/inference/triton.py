"""Triton as a tile engine: the only module that uses Triton's client and translates its errors.

A tile is retried while its error may pass. When Triton is out of memory or unavailable, fewer tiles
are in flight (`concurrency_limit`). Triton's own model readiness is not used: a model whose process
has died stays "ready", while its tiles fail until it is restarted.
"""

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from enum import Enum, auto
from functools import partial
from typing import Any, TypeVar

import grpc
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from hiir.imaging import FloatPixels, ModelContract
from service.errors import (
    GpuOutOfMemoryError,
    InferenceFailedError,
    InferenceUnavailableError,
    ModelMismatchError,
    ModelOutputInvalidError,
    ServiceError,
)
from service.inference.concurrency_limit import ConcurrencyLimit
from service.inference.served_model import INPUT, OUTPUT, ServedModel, check_served
from service.observability.logs import current_trace
from service.settings import InferenceSettings

logger = logging.getLogger(__name__)
T = TypeVar("T")

_CONFIG_SECONDS = 10.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 2.0
_CHANNEL = (
    # Custom arguments replace tritonclient's defaults, the unlimited message sizes among them.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # gRPC's default backoff grows to minutes, and a recovered server would go unnoticed.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class ErrorKind(Enum):
    """What a failed call says about a retry."""

    UNAVAILABLE = auto()
    """The server does not answer: it is starting, restarting or overloaded."""
    SERVER_ERROR = auto()
    """The server reports an internal error, which may pass."""
    OUT_OF_MEMORY = auto()
    """The server is out of memory; fewer tiles may fit."""
    REJECTED = auto()
    """The server will reject the same request again."""


ERROR_KINDS: Mapping[grpc.StatusCode, ErrorKind] = {
    grpc.StatusCode.ABORTED: ErrorKind.UNAVAILABLE,
    grpc.StatusCode.CANCELLED: ErrorKind.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: ErrorKind.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ErrorKind.UNAVAILABLE,
    grpc.StatusCode.UNAVAILABLE: ErrorKind.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS: ErrorKind.SERVER_ERROR,
    grpc.StatusCode.INTERNAL: ErrorKind.SERVER_ERROR,
    grpc.StatusCode.NOT_FOUND: ErrorKind.SERVER_ERROR,
    grpc.StatusCode.UNKNOWN: ErrorKind.SERVER_ERROR,
    grpc.StatusCode.ALREADY_EXISTS: ErrorKind.REJECTED,
    grpc.StatusCode.FAILED_PRECONDITION: ErrorKind.REJECTED,
    grpc.StatusCode.INVALID_ARGUMENT: ErrorKind.REJECTED,
    grpc.StatusCode.OK: ErrorKind.REJECTED,
    grpc.StatusCode.OUT_OF_RANGE: ErrorKind.REJECTED,
    grpc.StatusCode.PERMISSION_DENIED: ErrorKind.REJECTED,
    grpc.StatusCode.UNAUTHENTICATED: ErrorKind.REJECTED,
    grpc.StatusCode.UNIMPLEMENTED: ErrorKind.REJECTED,
}


# Triton has no status code for it: CUDA, TensorRT, ONNX Runtime's arena and C++ have their own
# messages.
_OUT_OF_MEMORY = re.compile(
    r"out of memory|failed to allocate|bad_alloc|cudaErrorMemoryAllocation|OOM\b", re.IGNORECASE
)


class TritonClient:
    """One gRPC channel to one server, for one process.

    It is opened by the first engine: a channel that was opened before a fork hangs in the child.
    """

    def __init__(self, *, url: str, settings: InferenceSettings) -> None:
        self._url = url
        self._settings = settings
        self._client: InferenceServerClient | None = None
        # tritonclient stores the call that it is sending in an attribute: two threads that send at
        # once would mix up their tiles.
        self._sending = threading.Lock()

    @contextmanager
    def engine(
        self, contract: ModelContract, *, served: ServedModel | None = None
    ) -> Iterator["TritonEngine"]:
        """Return an engine for one image; tiles in flight at the end of the block are canceled.

        `served` is what `TritonEngine.require_model` returned for this model. Without it tiles have
        the contract's size, and one is in flight unless the settings say otherwise.
        """
        if self._client is None:
            self._client = InferenceServerClient(self._url, channel_args=_CHANNEL)
        engine = TritonEngine(
            client=self._client,
            sending=self._sending,
            contract=contract,
            settings=self._settings,
            served=served or ServedModel(),
        )
        try:
            yield engine
        finally:
            engine.abort()
            engine.close()

    def close(self) -> None:
        """Close the channel."""
        if self._client is not None:
            self._client.close()
            self._client = None


class TritonEngine:
    """Infers the tiles of one image, several at once (a `hiir.imaging.TileEngine`)."""

    def __init__(
        self,
        *,
        client: InferenceServerClient,
        sending: threading.Lock,
        contract: ModelContract,
        settings: InferenceSettings,
        served: ServedModel,
    ) -> None:
        self._client = client
        self._sending = sending
        self._contract = contract
        self._settings = settings
        self.tiles_in_flight = settings.tiles_in_flight or served.tiles_in_flight
        """Tiles that are sent at once; there is no use in submitting more."""
        self._threads = ThreadPoolExecutor(self.tiles_in_flight, thread_name_prefix="tile")
        self._aborted = threading.Event()
        self._limit = ConcurrencyLimit(self.tiles_in_flight, closed=self._aborted)
        self._lock = threading.Lock()
        self._calls: set[Any] = set()
        self._failing = False
        self.any_size = served.any_size
        """Whether tiles may be smaller than the contract's (`hiir.imaging.TileEngine`)."""

    def require_model(self) -> ServedModel:
        """Return how the model that Triton serves takes its tiles.

        Raises `ModelMismatchError` unless it is the model of the contract. It retries, and raises
        the other errors of `submit`.
        """
        name = self._contract.name
        config = self._retry(
            lambda: self._client.get_model_config(name, client_timeout=_CONFIG_SECONDS).config,
            ConcurrencyLimit(1, closed=self._aborted),
        )
        return check_served(config, self._contract)

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Send a `(1, C, h, w)` float32 [0, 1] tile; gives `(1, C', h * scale, w * scale)`.

        The future raises `InferenceUnavailableError` if Triton stayed unavailable,
        `GpuOutOfMemoryError` if a single tile did not fit its memory, `ModelMismatchError` or
        `InferenceFailedError` if it rejected the tile or kept failing, and `CancelledError` after
        `abort`.
        """
        call = partial(self._infer, tile)
        return self._threads.submit(copy_context().run, self._retry, call, self._limit)

    def abort(self) -> None:
        """Cancel every tile, here and in Triton; thread-safe."""
        self._aborted.set()
        with self._lock:
            calls = tuple(self._calls)
        for call in calls:
            call.cancel()

    def close(self) -> None:
        """Wait for the threads, which end soon after `abort`."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _retry(self, call: Callable[[], T], limit: ConcurrencyLimit) -> T:
        """Retry a call until it succeeds, fails for good, or the engine is aborted."""
        failing_since: float | None = None
        pause = _FIRST_PAUSE_SECONDS
        while not self._aborted.is_set():
            try:
                with limit.slot() as size:
                    answer = call()
            except (InferenceServerException, grpc.RpcError) as error:
                problem, patience = translate_triton_error(error, self._settings)
                now = time.monotonic()
                failing_since = failing_since or now
                if isinstance(problem, GpuOutOfMemoryError | InferenceUnavailableError):
                    self._reduce_concurrency(limit, size)
                alone = size == 1 or not isinstance(problem, GpuOutOfMemoryError)
                if alone and now - failing_since >= patience and not self._aborted.is_set():
                    raise problem from error
                if not self._failing:  # one line for an outage, not one for each tile and retry
                    logger.warning("Triton failed, retrying: %s", error)
                self._failing = True
            else:
                self._failing = False
                limit.record_success()
                return answer
            # Jitter: the tiles of all workers should not reach a restarted server at once.
            self._aborted.wait(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        raise CancelledError

    @staticmethod
    def _reduce_concurrency(limit: ConcurrencyLimit, size: int) -> None:
        if limit.decrease(size):
            logger.warning("reduced tiles in flight to %d, from %d", limit.size, size)

    def _infer(self, tile: FloatPixels) -> FloatPixels:
        tensor = InferInput(INPUT, list(tile.shape), "FP32")
        tensor.set_data_from_numpy(tile)
        answer: Future[Any] = Future()
        trace = current_trace()
        with self._sending:
            call = self._client.async_infer(
                model_name=self._contract.name,
                inputs=[tensor],
                outputs=[InferRequestedOutput(OUTPUT)],
                callback=partial(_settle, answer),
                # Triton records every trace that a call names, whatever its flags say.
                headers=dict(trace.headers) if trace and trace.is_sampled else None,
                client_timeout=self._settings.tile_seconds,
            )
        with self._lock:
            self._calls.add(call)
        try:
            if self._aborted.is_set():  # aborted meanwhile: nothing else would cancel this call
                call.cancel()
            return _read_output(answer.result())
        finally:
            with self._lock:
                self._calls.discard(call)


def translate_triton_error(
    error: Exception, settings: InferenceSettings
) -> tuple[ServiceError, float]:
    """Return the service's error for one of tritonclient or gRPC, and for how long to retry."""
    status = _status(error)
    match _error_kind(status, error):
        case ErrorKind.UNAVAILABLE:
            away = InferenceUnavailableError("The inference server does not answer.")
            return away, settings.outage_seconds
        case ErrorKind.OUT_OF_MEMORY:
            memory = GpuOutOfMemoryError(
                "The inference server ran out of memory for a single tile."
            )
            return memory, settings.fault_seconds
        case ErrorKind.SERVER_ERROR if status is grpc.StatusCode.NOT_FOUND:
            missing = ModelMismatchError("The inference server does not serve the model.")
            return missing, settings.fault_seconds
        case ErrorKind.SERVER_ERROR:
            return InferenceFailedError(
                "The inference server kept failing."
            ), settings.fault_seconds
        case ErrorKind.REJECTED:
            return InferenceFailedError("The inference server rejected a tile."), 0.0


def _error_kind(status: grpc.StatusCode | None, error: Exception) -> ErrorKind:
    if status is None:
        return ErrorKind.REJECTED
    kind = ERROR_KINDS.get(status, ErrorKind.REJECTED)
    if kind is not ErrorKind.REJECTED and _OUT_OF_MEMORY.search(str(error)):
        return ErrorKind.OUT_OF_MEMORY
    return kind


def _status(error: Exception) -> grpc.StatusCode | None:
    """Return the gRPC status; None for tritonclient's own errors, which have none."""
    if isinstance(error, InferenceServerException):
        name = str(error.status()).removeprefix("StatusCode.")
        return grpc.StatusCode.__members__.get(name)
    code = getattr(error, "code", None)
    return code() if callable(code) else None


def _settle(answer: Future[Any], result: Any, error: InferenceServerException | None) -> None:
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)


def _read_output(result: Any) -> FloatPixels:
    try:
        output: FloatPixels | None = result.as_numpy(OUTPUT)
    except ValueError as error:  # fewer bytes than the shape requires
        raise ModelOutputInvalidError("The model's output tensor is incomplete.") from error
    if output is None:
        raise ModelOutputInvalidError(f"The model returned no tensor named {OUTPUT!r}.")
    return output
