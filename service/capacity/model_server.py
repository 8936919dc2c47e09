"""Triton's health over gRPC, its only open port: the server's own readiness and each model's."""

import threading

from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from service.errors import InferenceUnavailableError

_RECONNECT = (
    # gRPC's default backoff grows to minutes, and a recovered server would go unnoticed.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class ModelServer:
    """One server's health; it connects on first use, and reconnects by itself."""

    def __init__(self, *, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout = timeout_seconds
        self._client: InferenceServerClient | None = None
        self._connecting = threading.Lock()

    def is_ready(self) -> bool:
        """Return whether the server is ready; raises `InferenceUnavailableError` if not heard."""
        try:
            return bool(self._connected().is_server_ready(client_timeout=self._timeout))
        except InferenceServerException as error:
            raise _translate(error) from error

    def serves(self, model: str) -> bool:
        """Return whether a model is ready; raises `InferenceUnavailableError`."""
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
