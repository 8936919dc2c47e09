"""Triton's health over gRPC, its only open port: the readiness of servers and of models."""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from service.errors import InferenceUnavailableError
from service.settings.triton_address import TritonAddresses

logger = logging.getLogger(__name__)

_RECONNECT = (
    # gRPC's default backoff grows to minutes, during which a recovered server would not be noticed.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class ModelServer:
    """The health of one server; connects on first use, and reconnects automatically."""

    def __init__(self, *, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout = timeout_seconds
        self._client: InferenceServerClient | None = None
        self._connecting = threading.Lock()

    def is_ready(self) -> bool:
        """Return whether the server is ready.

        Raises:
            InferenceUnavailableError: if it does not answer.
        """
        try:
            return bool(self._connected().is_server_ready(client_timeout=self._timeout))
        except InferenceServerException as error:
            raise _translate(error) from error

    def serves(self, model: str) -> bool:
        """Return whether a model is ready.

        Raises:
            InferenceUnavailableError: if the server does not answer.
        """
        try:
            return bool(self._connected().is_model_ready(model, client_timeout=self._timeout))
        except InferenceServerException as error:
            raise _translate(error) from error

    def close(self) -> None:
        """Close the connection."""
        with self._connecting:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _connected(self) -> InferenceServerClient:
        with self._connecting:
            if self._client is None:
                self._client = InferenceServerClient(self._url, channel_args=_RECONNECT)
            return self._client


def _translate(error: InferenceServerException) -> InferenceUnavailableError:
    status = str(error.status()).removeprefix("StatusCode.").lower().replace("_", " ")
    return InferenceUnavailableError(f"The inference server does not answer: {status}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServersReport:
    """Answers of the servers: None for a ready server, otherwise the reason why it is not ready."""

    servers: Sequence[str | None]
    """One entry per server, in the order of the setting, or of the sorted addresses of a hostname.
    """
    missing: str | None
    """Why jobs cannot run; None if every model is served by a server that is ready."""


class ModelServers:
    """The health of all configured servers; one ready server suffices."""

    def __init__(self, *, url: str, timeout_seconds: float) -> None:
        self._addresses = TritonAddresses.parse(url)
        self._timeout = timeout_seconds
        self._servers: dict[str, ModelServer] = {}
        self._problems: dict[str, str | None] = {}

    def report(self, models: Sequence[str]) -> ServersReport:
        """Ask all servers concurrently, which takes as long as the slowest answer."""
        addresses = self._addresses.resolve()
        if not addresses:
            return ServersReport(servers=(), missing="has no address")
        for address in self._servers.keys() - set(addresses):
            self._servers.pop(address).close()
        for address in addresses:
            if address not in self._servers:
                server = ModelServer(url=address, timeout_seconds=self._timeout)
                self._servers[address] = server
        with ThreadPoolExecutor(len(addresses), thread_name_prefix="triton") as threads:
            asked = [self._servers[address] for address in addresses]
            answers = list(threads.map(lambda server: _models_of(server, models), asked))
        served = {model for found, _ in answers for model in found}
        problems = [problem for _, problem in answers]
        self._log_changes(dict(zip(addresses, problems, strict=True)))
        missing = next((f"does not serve {model}" for model in models if model not in served), None)
        if all(problems):
            missing = problems[0]
        return ServersReport(servers=problems, missing=missing)

    def close(self) -> None:
        """Close the connections."""
        for server in self._servers.values():
            server.close()
        self._servers.clear()

    def _log_changes(self, problems: dict[str, str | None]) -> None:
        if len(problems) > 1:
            for address, problem in problems.items():
                if problem != self._problems.get(address):
                    logger.warning("Triton at %s %s", address, problem or "is ready")
        self._problems = problems


def _models_of(server: ModelServer, models: Sequence[str]) -> tuple[list[str], str | None]:
    """Return the models that a server has, and why it cannot take tiles (None if it can)."""
    # Server readiness is checked first: models stay "ready" after their processes have died.
    try:
        if not server.is_ready():
            return [], "is not ready"
        return [model for model in models if server.serves(model)], None
    except InferenceUnavailableError:
        return [], "does not answer"
