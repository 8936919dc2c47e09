"""Addresses of the servers of one stack: configured ones, or free local ports."""

from dataclasses import dataclass
from typing import Self

from service.embedded.ports import PortTakenError, choose_port, reserve
from service.embedded.settings import StackSettings
from service.embedded.supervisor import StackError
from service.embedded.triton import is_triton_ready

_API_PORT, _REDIS_PORT = 8000, 6379
_GRPC_PORT, _HTTP_PORT, _METRICS_PORT = 8001, 8002, 8003
_API_METRICS_PORT, _WORKER_METRICS_PORT = 9464, 9465


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Hosts and ports of a stack that is about to start."""

    host: str
    port: int
    redis_url: str
    redis_port: int | None
    """None for an external Redis."""
    triton_url: str
    triton_http_url: str
    triton_ports: tuple[int, int, int] | None
    """gRPC, HTTP and metrics; None for an external Triton."""
    metrics_ports: tuple[int, int]
    """Of the API and of the worker."""

    @property
    def api_url(self) -> str:
        """URL of the API for clients on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def metrics_urls(self) -> tuple[str, str]:
        """URLs of the API's and the worker's metrics, for Prometheus on this machine."""
        api, worker = self.metrics_ports
        return f"http://127.0.0.1:{api}/metrics", f"http://127.0.0.1:{worker}/metrics"

    @classmethod
    async def choose(cls, settings: StackSettings) -> Self:
        """Use the configured addresses, and choose free ports for the rest.

        Raises `StackError` if a configured port is taken, the host is not one of this machine, or a
        configured server is not reachable.
        """
        taken = {_API_PORT, _REDIS_PORT, _GRPC_PORT, _HTTP_PORT, _METRICS_PORT}
        taken |= {_API_METRICS_PORT, _WORKER_METRICS_PORT}
        redis_url, redis_port = settings.redis_url, None
        if redis_url is None:
            redis_port = _near(_REDIS_PORT, taken)
            redis_url = f"redis://127.0.0.1:{redis_port}"
        triton_url, triton_http_url = settings.triton_url, settings.triton_http_url
        triton_ports = None
        if triton_url is None:
            triton_ports = (
                _near(_GRPC_PORT, taken),
                _near(_HTTP_PORT, taken),
                _near(_METRICS_PORT, taken),
            )
            triton_url = f"127.0.0.1:{triton_ports[0]}"
            triton_http_url = f"http://127.0.0.1:{triton_ports[1]}"
        return cls(
            host=settings.host,
            port=_api_port(settings, taken),
            redis_url=redis_url,
            redis_port=redis_port,
            triton_url=triton_url,
            triton_http_url=triton_http_url or await _find_http(triton_url),
            triton_ports=triton_ports,
            metrics_ports=(_near(_API_METRICS_PORT, taken), _near(_WORKER_METRICS_PORT, taken)),
        )


def _near(default: int, taken: set[int], host: str = "127.0.0.1") -> int:
    """Return the default port, or the next free one that is no other server's default."""
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


async def _find_http(triton_url: str) -> str:
    """Find an external Triton's HTTP port: NVIDIA's default is below the gRPC port, ours above."""
    host, _, port = triton_url.rpartition(":")
    if not host or not port.isdigit():
        raise StackError(f"HIIR_TRITON_URL must have the form host:port, not {triton_url!r}")
    for candidate in (int(port) - 1, int(port) + 1):
        url = f"http://{host}:{candidate}"
        if await is_triton_ready(url):
            return url
    raise StackError(
        f"found no ready Triton over HTTP next to {triton_url}; set HIIR_TRITON_HTTP_URL"
    )
