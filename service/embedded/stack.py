"""The stack of one machine: its components in order, and their configuration."""

import asyncio
import fcntl
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from service.embedded.addresses import Addresses
from service.embedded.console import Console
from service.embedded.redis import RedisServer, is_redis_ready
from service.embedded.settings import StackSettings
from service.embedded.supervisor import Component, StackError, Supervisor
from service.embedded.triton import TritonServer, is_triton_ready, unique_shm_prefix
from service.embedded.triton_release import ensure_tritonserver
from service.settings import AuthMode, Settings
from service.settings.tracing import TracingSettings

_PROBE_TIMEOUT_S = 5.0
_WORKER_GRACE_S = 30.0  # lets a short job finish
# glibc gives each thread an arena, whose free memory other threads cannot use. With two arenas, a
# server's memory stops growing after its first jobs.
_ALLOCATOR = {"MALLOC_ARENA_MAX": "2"}
# Celery warns if a worker runs as root; under `hiir up` that is the user's choice.
_NO_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"
_WHO_MAY = {
    AuthMode.OPEN: "open mode: anyone on this machine can use the API without a key",
    AuthMode.KEYS: "API keys are required: create one with `hiir keys create --tenant NAME`",
}


def run_stack(
    settings: StackSettings,
    *,
    console: Console,
    work: Callable[[Addresses], Awaitable[int]],
    verbose: bool = False,
) -> int | None:
    """Run the stack around `work`.

    Unless `verbose`, the output of Redis and Triton is shown only if they fail, and the other
    components log only warnings and errors, unless `HIIR_LOG_LEVEL` is set.

    Returns:
        The exit status of `work`, or None after a signal.

    Raises:
        StackError: if the stack cannot start or keep running.
        TritonUnavailableError: if the embedded Triton is not available on this machine.
        ValidationError: if pydantic rejects settings of the child processes.
    """
    with _sole_owner(settings.data_dir):
        return asyncio.run(_run(settings, console, work, verbose))


async def _run(
    settings: StackSettings,
    console: Console,
    work: Callable[[Addresses], Awaitable[int]],
    verbose: bool,
) -> int | None:
    auth = settings.auth_mode
    Settings(host=settings.host, auth=auth)
    addresses = Addresses.choose(settings)
    Settings(redis_url=addresses.redis_url, triton_url=addresses.triton_url)
    console.line("up", _WHO_MAY[auth])
    state = settings.data_dir / "stack.json"
    supervisor = Supervisor(
        components=_components(settings, addresses, console, verbose=verbose),
        console=console,
        on_change=lambda pids: _write_state(state, addresses, pids),
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.interrupt)
    try:
        return await supervisor.run(lambda: work(addresses))
    except asyncio.CancelledError:
        console.line("up", "stopped")
        return None
    finally:
        state.unlink(missing_ok=True)


def _components(
    settings: StackSettings, addresses: Addresses, console: Console, *, verbose: bool = False
) -> tuple[Component, ...]:
    """Return the components in the order in which they start; none depends on a later one."""
    environment = {
        **_ALLOCATOR,
        "HIIR_DRAIN_SECONDS": "0",  # there is no load balancer to notify
        "HIIR_LOG_LEVEL": "INFO" if verbose else "WARNING",
        "PYTHONWARNINGS": _NO_ROOT_WARNING,
        **os.environ,
        "HIIR_HOST": addresses.host,
        "HIIR_PORT": str(addresses.port),
        "HIIR_AUTH": settings.auth_mode.value,
        "HIIR_METRICS__HOST": "127.0.0.1",
        "HIIR_METRICS__API_PORT": str(addresses.metrics_ports[0]),
        "HIIR_METRICS__WORKER_PORT": str(addresses.metrics_ports[1]),
        "HIIR_REDIS_URL": addresses.redis_url.get_secret_value(),
        "HIIR_TRITON_URL": addresses.triton_url,
        "HIIR_MODEL_REPOSITORY": str(settings.model_repository.resolve()),
        "PYTHONUNBUFFERED": "1",  # so that log lines appear at once
    }
    return (
        replace(_redis(settings, addresses), quiet=not verbose),
        replace(_triton(settings, addresses, console), quiet=not verbose),
        _worker(settings, environment),
        _webhooks(environment),
        _api(addresses, environment),
    )


def _redis(settings: StackSettings, addresses: Addresses) -> Component:
    if addresses.redis_port is None:
        return Component(
            name="redis",
            address="HIIR_REDIS_URL",  # may contain a password
            is_ready=lambda: is_redis_ready(addresses.redis_url.get_secret_value()),
        )
    server = RedisServer(
        data_dir=settings.data_dir.resolve() / "redis",
        port=addresses.redis_port,
        max_memory=settings.redis_max_memory,
        password=addresses.redis_password,
    )
    return Component(
        name="redis",
        address=f"127.0.0.1:{server.port}",
        is_ready=server.is_ready,
        command=server.command(),
        environment=dict(os.environ),
        before_start=server.prepare,
    )


def _triton(settings: StackSettings, addresses: Addresses, console: Console) -> Component:
    if addresses.triton_port is None:
        return Component(
            name="triton",
            address=addresses.triton_url,
            is_ready=lambda: is_triton_ready(addresses.triton_url),
        )
    _require_models(settings.model_repository)
    server = TritonServer(
        release=ensure_tritonserver(
            settings.cache_dir, on_download=lambda text: console.line("triton", text)
        ),
        model_repository=settings.model_repository.resolve(),
        work_dir=settings.data_dir.resolve() / "triton",
        port=addresses.triton_port,
        shm_prefix=unique_shm_prefix(),
        traces_url=TracingSettings().endpoint,
    )
    return Component(
        name="triton",
        address=f"{server.url} (gRPC)",
        is_ready=server.is_ready,
        command=server.command(),
        environment={**_ALLOCATOR, **os.environ, **server.environment()},
        before_start=server.prepare,
        after_stop=server.remove_shared_memory,
        is_healthy=server.is_healthy,
    )


def _worker(settings: StackSettings, environment: Mapping[str, str]) -> Component:
    return Component(
        name="worker",
        address="",
        is_ready=_is_started,
        command=(
            *(sys.executable, "-m", "celery", "--quiet", "-A", "service.worker.app", "worker"),
            *("-Q", "interactive", "-c", str(settings.worker_concurrency)),
            *("--without-gossip", "--without-mingle", "-l", "info"),
        ),
        environment=environment,
        stop_grace_s=_WORKER_GRACE_S,
        # A worker without servers would wait for them on shutdown; the expiry of its lease requeues
        # its job.
        death_signal=signal.SIGKILL,
    )


def _webhooks(environment: Mapping[str, str]) -> Component:
    return Component(
        name="webhooks",
        address="",
        is_ready=_is_started,
        command=(sys.executable, "-m", "service.webhooks.worker"),
        environment=environment,
        stop_grace_s=_WORKER_GRACE_S,
        death_signal=signal.SIGKILL,  # an interrupted delivery becomes due again
    )


async def _is_started() -> bool:
    # Workers listen on no port. The API starts last, and is ready only after the worker's
    # heartbeat. No component has to wait for the webhook worker.
    return True


def _api(addresses: Addresses, environment: Mapping[str, str]) -> Component:
    async def is_ready() -> bool:
        try:
            async with httpx.AsyncClient(timeout=_PROBE_TIMEOUT_S, trust_env=False) as client:
                response = await client.get(f"{addresses.api_url}/readyz")
        except httpx.HTTPError:
            return False
        return response.status_code == httpx.codes.OK

    return Component(
        name="api",
        address=addresses.api_url,
        is_ready=is_ready,
        command=(
            *(sys.executable, "-m", "uvicorn", "--factory", "service.api.app:create_app"),
            *("--host", addresses.host, "--port", str(addresses.port)),
            *("--http", "service.api.http_protocol:HttpProtocol"),
            "--no-access-log",  # the API writes its own access log, with request ids
            # Longer than a proxy's idle timeout, and shorter than the grace period.
            *("--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "5"),
        ),
        environment=environment,
    )


def _require_models(repository: Path) -> None:
    """Report missing models before Triton would."""
    configs = sorted(repository.glob("*/config.pbtxt"))
    if not configs:
        raise StackError(f"{repository} contains no model (no */config.pbtxt)")
    for config in configs:
        if not any(config.parent.glob("[0-9]*/model.onnx")):
            raise StackError(f"{config.parent} has no <version>/model.onnx: run `make export`")


@contextmanager
def _sole_owner(data_dir: Path) -> Iterator[None]:
    """Lock the directory: two Redis servers on the same files would destroy them."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when the process ends
        except BlockingIOError as error:
            raise StackError(f"another stack is running on {data_dir}") from error
        yield


def _write_state(path: Path, addresses: Addresses, pids: Mapping[str, int]) -> None:
    """Write the state file, addresses and process ids, atomically."""
    state = {
        "api_url": addresses.api_url,
        "redis_url": addresses.redis_url.get_secret_value(),
        "triton_url": addresses.triton_url,
        "metrics_urls": addresses.metrics_urls,
        "supervisor_pid": os.getpid(),
        "pids": dict(pids),
    }
    scratch = path.with_suffix(".tmp")
    scratch.touch(mode=0o600)  # a Redis URL may contain a password
    scratch.write_text(json.dumps(state, indent=2) + "\n")
    scratch.replace(path)
