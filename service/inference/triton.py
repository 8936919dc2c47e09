"""Triton as a tile engine: the only module that uses Triton's client and translates its errors.

A tile is retried as long as its error may be temporary, on another server if there is one. When a
server is out of memory or unavailable, it gets fewer tiles at a time (`concurrency_limit`).
Triton's model readiness is not used: a model whose process has died stays "ready", while its tiles
fail until it is restarted.

Each server has its own channel. gRPC's `round_robin` is not used: inside one channel the client
cannot know which server answers, and an answer does not identify the weights. During a rollout,
servers have different weights. Each server is therefore checked before it gets tiles of an image,
again when it may have been replaced (`Route.needs_check`), and at the end.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Any

import grpc
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from hiir.imaging import FloatPixels, ModelContract
from service.errors import (
    GpuOutOfMemoryError,
    InferenceUnavailableError,
    ModelMismatchError,
    ModelOutputInvalidError,
    ServiceError,
)
from service.inference.concurrency_limit import ConcurrencyLimit
from service.inference.route import Route, Routes, Server
from service.inference.served_model import INPUT, OUTPUT, ServedModel, check_served
from service.inference.triton_errors import translate_triton_error
from service.observability.logs import current_trace
from service.settings import InferenceSettings
from service.settings.triton_address import TritonAddresses

logger = logging.getLogger(__name__)

_CONFIG_SECONDS = 10.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 2.0
_CHANNEL = (
    # Custom arguments replace all of tritonclient's defaults, including its unlimited message
    # sizes.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # gRPC's default backoff grows to minutes, during which a recovered server would not be used.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class TritonClient:
    """One gRPC channel to each server, for one process.

    The first engine opens the channels: a channel that is opened before a fork hangs in the child.
    """

    def __init__(self, *, url: str, settings: InferenceSettings) -> None:
        self._addresses = TritonAddresses.parse(url)
        self._settings = settings
        self._servers: dict[str, Server] = {}

    @contextmanager
    def engine(
        self, contract: ModelContract, *, served: ServedModel | None = None
    ) -> Iterator["TritonEngine"]:
        """Return an engine for one image; tiles in flight at the end of the block are canceled.

        Args:
            contract: the model.
            served: result of `TritonEngine.require_model` for this model. If it is None, tiles have
                the contract's size, and one is in flight unless the settings specify a number.

        Raises:
            InferenceUnavailableError: if no server has an address.
        """
        engine = TritonEngine(
            servers=self._find_servers(),
            contract=contract,
            settings=self._settings,
            served=served,
        )
        try:
            yield engine
        finally:
            engine.abort()
            engine.close()

    def close(self) -> None:
        """Close the channels."""
        for server in self._servers.values():
            server.client.close()
        self._servers.clear()

    def _find_servers(self) -> tuple[Server, ...]:
        """Open channels to new servers, and close those of servers that have disappeared."""
        found = self._addresses.resolve()
        if not found:
            raise InferenceUnavailableError("The inference server has no address.")
        for address in self._servers.keys() - set(found):
            self._servers.pop(address).client.close()
        for address in found:
            if address not in self._servers:
                client = InferenceServerClient(address, channel_args=_CHANNEL)
                self._servers[address] = Server(address=address, client=client)
        return tuple(self._servers[address] for address in found)


class TritonEngine:
    """Infers the tiles of one image, several concurrently (a `hiir.imaging.TileEngine`)."""

    def __init__(
        self,
        *,
        servers: Sequence[Server],
        contract: ModelContract,
        settings: InferenceSettings,
        served: ServedModel | None,
    ) -> None:
        self._contract = contract
        self._settings = settings
        self._aborted = threading.Event()
        known = served.by_server if served else {}
        # A server that has not been checked yet is assumed to be like the others.
        usual = max(known.values(), default=served.tiles_in_flight if served else 1)
        sizes = [settings.tiles_in_flight or known.get(server.address, usual) for server in servers]
        self._routes = Routes(
            [
                Route(
                    server=server,
                    limit=ConcurrencyLimit(size, closed=self._aborted),
                    verify=bool(known),
                )
                for server, size in zip(servers, sizes, strict=True)
            ]
        )
        self.tiles_in_flight = sum(sizes)
        """Maximum number of tiles in flight; submitting more has no effect."""
        self._threads = ThreadPoolExecutor(self.tiles_in_flight, thread_name_prefix="tile")
        self._lock = threading.Lock()
        self._calls: set[Any] = set()
        self.any_size = served.any_size if served else False
        """Whether tiles may be smaller than those of the contract (`hiir.imaging.TileEngine`)."""

    def require_model(self) -> ServedModel:
        """Return how the servers that have the model accept its tiles.

        While no server answers, the call is retried.

        Raises:
            ModelMismatchError: if the servers that answer have another version of the model.
            ServiceError: the other errors of `submit`.
        """
        found = self._ask(self._routes.all)
        served = [entry for entry in found.values() if isinstance(entry, ServedModel)]
        return ServedModel(
            any_size=all(entry.any_size for entry in served),
            tiles_in_flight=sum(entry.tiles_in_flight for entry in served),
            by_server={
                route.server.address: entry.tiles_in_flight
                for route, entry in found.items()
                if isinstance(entry, ServedModel)
            },
        )

    def confirm_model(self) -> None:
        """Check the servers that have answered tiles again; call it after the last tile.

        A server that no longer answers is not waited for if another one answers: it was in contact
        until its last answer, and was therefore the same process.

        Raises:
            ModelMismatchError: if one of them now has another version of the model, because the
                image may then contain tiles of two versions.
        """
        used = [route for route in self._routes.all if route.is_used]
        for entry in self._ask(used or self._routes.all).values():
            if isinstance(entry, ModelMismatchError):
                raise entry

    def _ask(self, routes: Sequence[Route]) -> dict[Route, ServedModel | ServiceError]:
        """Check servers concurrently, until one of them has the model."""
        failing_since: float | None = None
        pause = _FIRST_PAUSE_SECONDS
        with ThreadPoolExecutor(len(routes), thread_name_prefix="check") as threads:
            while not self._aborted.is_set():
                found = dict(zip(routes, threads.map(self._try_check, routes), strict=True))
                if any(isinstance(entry, ServedModel) for entry, _ in found.values()):
                    return {route: entry for route, (entry, _) in found.items()}
                # Other weights are reported at once; outages are waited out.
                hopeless = [entry for entry in found.values() if not entry[1]]
                problem, patience = max(hopeless or found.values(), key=lambda entry: entry[1])
                assert isinstance(problem, ServiceError)  # noqa: S101 - by the condition above
                now = time.monotonic()
                failing_since = failing_since or now
                if now - failing_since >= patience:
                    raise problem
                self._aborted.wait(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        raise CancelledError

    def _try_check(self, route: Route) -> tuple[ServedModel | ServiceError, float]:
        """Check a server.

        Returns:
            The served model or the problem, and for how many seconds to retry.
        """
        try:
            return self._check(route), 0.0
        except ModelMismatchError as mismatch:
            return mismatch, 0.0
        except (InferenceServerException, grpc.RpcError) as error:
            problem, patience = translate_triton_error(error, self._settings)
            problem.__cause__ = error
            self._log_failure(route, error)
            return problem, patience

    def _check(self, route: Route) -> ServedModel:
        """Ask a server for its model.

        Raises:
            ModelMismatchError: if the model does not fulfill the contract.
            Exception: the errors of tritonclient and gRPC.
        """
        config = route.server.client.get_model_config(
            self._contract.name, client_timeout=min(_CONFIG_SECONDS, self._settings.tile_seconds)
        ).config
        try:
            served = check_served(config, self._contract, any_size=self.any_size)
        except ModelMismatchError as mismatch:
            route.refuse(mismatch)
            raise
        route.admit()
        return served

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Send a `(1, C, h, w)` float32 [0, 1] tile; the result is `(1, C', h * scale, w * scale)`.

        The future raises:
            InferenceUnavailableError: if Triton stayed unavailable.
            GpuOutOfMemoryError: if a single tile did not fit the server's memory.
            ModelMismatchError: if the server has another version of the model.
            InferenceFailedError: if Triton rejected the tile, or kept failing.
            CancelledError: after `abort`.
        """
        call = partial(self._infer, tile)
        return self._threads.submit(copy_context().run, self._retry, call)

    def abort(self) -> None:
        """Cancel all tiles, both here and in Triton; thread-safe."""
        self._aborted.set()
        with self._lock:
            calls = tuple(self._calls)
        for call in calls:
            call.cancel()

    def close(self) -> None:
        """Wait for the threads, which end soon after `abort`."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _retry(self, call: Callable[[Route], FloatPixels]) -> FloatPixels:
        """Retry a tile until it succeeds, fails permanently, or the engine is aborted."""
        failing_since: float | None = None
        while not self._aborted.is_set():
            size = 1
            try:
                with self._routes.take(self._aborted.wait) as route, route.limit.slot() as size:
                    if self._aborted.is_set():
                        break
                    with route.checking:
                        if route.needs_check():
                            self._check(route)
                    answer = call(route)
            except ModelMismatchError:
                if all(other.mismatch is not None for other in self._routes.all):
                    raise
                logger.warning("%s has another version of the model", route.server.address)
            except (InferenceServerException, grpc.RpcError) as error:
                problem, patience = translate_triton_error(error, self._settings)
                now = time.monotonic()
                failing_since = failing_since or now
                if isinstance(problem, GpuOutOfMemoryError | InferenceUnavailableError):
                    self._reduce_concurrency(route.limit, size)
                alone = size == 1 or not isinstance(problem, GpuOutOfMemoryError)
                if alone and now - failing_since >= patience and not self._aborted.is_set():
                    raise problem from error
                self._log_failure(route, error)
                # Jitter: the tiles of all workers should not arrive at a restarted server at the
                # same time.
                route.block(
                    lost=isinstance(problem, InferenceUnavailableError),
                    jitter=random.uniform(0.5, 1.0),
                )
            else:
                route.touch()
                route.is_used = True
                route.limit.record_success()
                return answer
        raise CancelledError

    @staticmethod
    def _log_failure(route: Route, error: Exception) -> None:
        """Log one line per outage of a server, instead of one for each tile and retry."""
        if not route.failing:
            logger.warning("Triton at %s failed, retrying: %s", route.server.address, error)
        route.failing = True

    @staticmethod
    def _reduce_concurrency(limit: ConcurrencyLimit, size: int) -> None:
        if limit.decrease(size):
            logger.warning("reduced tiles in flight to %d, from %d", limit.size, size)

    def _infer(self, tile: FloatPixels, route: Route) -> FloatPixels:
        tensor = InferInput(INPUT, list(tile.shape), "FP32")
        tensor.set_data_from_numpy(tile)
        answer: Future[Any] = Future()
        trace = current_trace()
        with route.server.sending:
            call = route.server.client.async_infer(
                model_name=self._contract.name,
                inputs=[tensor],
                outputs=[InferRequestedOutput(OUTPUT)],
                callback=partial(_settle, answer),
                # Triton records the trace of every call that names one, whatever its flags are.
                headers=dict(trace.headers) if trace and trace.is_sampled else None,
                client_timeout=self._settings.tile_seconds,
            )
        with self._lock:
            self._calls.add(call)
            route.in_flight += 1
        try:
            if self._aborted.is_set():  # aborted in the meantime: nothing else would cancel it
                call.cancel()
            return _read_output(answer.result())
        finally:
            with self._lock:
                self._calls.discard(call)
                route.in_flight -= 1


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
