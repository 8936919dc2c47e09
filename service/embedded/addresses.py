"""Addresses of the servers of one stack: configured addresses, or free local ports."""

import secrets
from dataclasses import dataclass
from typing import Self

from pydantic import SecretStr

from service.embedded.ports import PortTakenError, choose_port, reserve
from service.embedded.redis import redis_address
from service.embedded.settings import StackSettings
from service.embedded.supervisor import StackError
from service.settings.triton_address import TritonAddresses

_API_PORT, _REDIS_PORT = 8000, 6379
_TRITON_PORT = 8001
_API_METRICS_PORT, _WORKER_METRICS_PORT = 9464, 9465


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Hosts and ports of a stack that is about to start."""

    host: str
    port: int
    redis_url: SecretStr
    """URL of Redis, including the password."""
    redis_port: int | None
    """Port of Redis; None for an external Redis."""
    redis_password: SecretStr
    """Password of a Redis that this stack starts; it is new at each start."""
    triton_url: str
    triton_port: int | None
    """gRPC port of Triton; None for an external Triton."""
    metrics_ports: tuple[int, int]
    """Metrics ports of the API and of the worker."""

    @property
    def api_url(self) -> str:
        """URL of the API for clients on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - translated, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def metrics_urls(self) -> tuple[str, str]:
        """URLs of the API's and the worker's metrics, for Prometheus on this machine."""
        api, worker = self.metrics_ports
        return f"http://127.0.0.1:{api}/metrics", f"http://127.0.0.1:{worker}/metrics"

    @classmethod
    def choose(cls, settings: StackSettings) -> Self:
        """Use the configured addresses, and choose free ports for the others.

        Raises:
            StackError: if a configured port is in use, the host does not belong to this machine, or
                a configured address has the wrong form.
        """
        taken = {_API_PORT, _REDIS_PORT, _TRITON_PORT}
        taken |= {_API_METRICS_PORT, _WORKER_METRICS_PORT}
        redis_url, redis_port = settings.redis_url, None
        redis_password = SecretStr(secrets.token_urlsafe(24))
        if redis_url is None:
            redis_port = _near(_REDIS_PORT, taken)
            redis_url = redis_address(redis_port, redis_password)
        triton_url, triton_port = settings.triton_url, None
        if triton_url is None:
            triton_port = _near(_TRITON_PORT, taken)
            triton_url = f"127.0.0.1:{triton_port}"
        else:
            _check_triton_url(triton_url)
        return cls(
            host=settings.host,
            port=_api_port(settings, taken),
            redis_url=redis_url,
            redis_port=redis_port,
            redis_password=redis_password,
            triton_url=triton_url,
            triton_port=triton_port,
            metrics_ports=(_near(_API_METRICS_PORT, taken), _near(_WORKER_METRICS_PORT, taken)),
        )


def _near(default: int, taken: set[int], host: str = "127.0.0.1") -> int:
    """Return the default port, or the next free port that is not another server's default."""
    taken.discard(default)
    try:
        return choose_port(default, taken=taken, host=host)
    except PortTakenError as error:
        raise StackError(str(error)) from error


def _api_port(settings: StackSettings, taken: set[int]) -> int:
    try:
        if settings.port is None:
            return _near(_API_PORT, taken, settings.host)
        if reserve(settings.host, settings.port):
            return settings.port
    except OSError as error:
        raise StackError(f"cannot listen on {settings.host}: {error}") from error
    raise StackError(f"port {settings.port} on {settings.host} is in use")


def _check_triton_url(url: str) -> None:
    try:
        TritonAddresses.parse(url)
    except ValueError as error:
        raise StackError(f"HIIR_TRITON_URL {error}, not like {url!r}") from error
