"""Runs the reference tiles through a Triton that only this machine can reach."""

import http.client
import json
import logging
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gpu_server.errors import GpuServerError
from gpu_server.repository import GpuModel

__all__ = ["measure"]

_log = logging.getLogger(__name__)

_PORT = 8010  # not 8000, which the container's health check asks
_POLL_SECONDS = 0.5
_STOP_SECONDS = 60.0
_REQUEST_SECONDS = 600.0
_PASSED_ON = ("--backend-directory=", "--backend-config=", "--model-load-thread-count=")


def measure(
    command: Sequence[str], models: Sequence[GpuModel], *, repository: Path
) -> dict[str, float]:
    """Return the PSNR in dB of each model's result to float32; -inf if it does not load.

    Args:
        command: of the server, its program first. Only options that say where backends are and how
            they load are taken from it: this server listens on loopback, without gRPC.
        models: with their reference tiles.
        repository: what the server loads; its configurations can differ from those of `models`.

    Raises:
        GpuServerError: if the server ends by itself.
    """
    with _server(command, models, repository=repository) as connection:
        return {model.name: _measure_model(connection, model) for model in models}


@contextmanager
def _server(
    command: Sequence[str], models: Sequence[GpuModel], *, repository: Path
) -> Iterator[http.client.HTTPConnection]:
    arguments = [
        command[0],
        f"--model-repository={repository}",
        "--model-control-mode=explicit",
        *(f"--load-model={model.name}" for model in models),
        "--disable-auto-complete-config",
        # A model that cannot be loaded is one result among others.
        "--exit-on-error=false",
        "--allow-grpc=false",
        "--allow-metrics=false",
        "--http-address=127.0.0.1",
        f"--http-port={_PORT}",
        *(option for option in command[1:] if option.startswith(_PASSED_ON)),
    ]
    process = subprocess.Popen(arguments)  # noqa: S603 - the container's own command
    try:
        connection = http.client.HTTPConnection("127.0.0.1", _PORT, timeout=_REQUEST_SECONDS)
        # It listens once every model is loaded, which can take an hour; the container's health
        # check bounds that.
        while not _is_live(connection):
            if process.poll() is not None:
                raise GpuServerError(
                    f"{command[0]} ended with status {process.returncode} before it was ready"
                )
            time.sleep(_POLL_SECONDS)
        yield connection
        connection.close()
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_live(connection: http.client.HTTPConnection) -> bool:
    try:
        return _request(connection, "GET", "/v2/health/live")[0] == http.client.OK
    except (OSError, http.client.HTTPException):
        connection.close()
        return False


def _measure_model(connection: http.client.HTTPConnection, model: GpuModel) -> float:
    values = model.read_input()
    # Triton's binary extension of the KServe protocol: a JSON header, then the raw values.
    header = json.dumps(
        {
            "inputs": [
                {
                    "name": "input",
                    "shape": model.input_shape,
                    "datatype": "FP32",
                    "parameters": {"binary_data_size": len(values)},
                }
            ],
            "outputs": [{"name": "output", "parameters": {"binary_data": True}}],
        }
    ).encode()
    status, described, body = _request(
        connection,
        "POST",
        f"/v2/models/{model.name}/infer",
        body=header + values,
        headers={
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(len(header)),
        },
    )
    if status != http.client.OK:
        _log.warning("%s: %s", model.name, body.decode(errors="replace"))
        return float("-inf")
    return model.psnr(body[int(described) :])


def _request(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, str, bytes]:
    connection.request(method, path, body=body, headers=headers or {})
    response = connection.getresponse()
    described = response.headers.get("Inference-Header-Content-Length", "0")
    return response.status, described, response.read()
