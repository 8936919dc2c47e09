"""What a client on the same machine can reach of the embedded Triton: inference, and no more."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from service.embedded.triton import TritonServer

RESTRICTED: dict[str, Callable[..., Any]] = {
    "system shared memory": lambda client, **more: client.register_system_shared_memory(
        "x", "/x", 0, 8, **more
    ),
    "CUDA shared memory": lambda client, **more: client.get_cuda_shared_memory_status(**more),
    "model repository": lambda client, **more: client.get_model_repository_index(**more),
    "model load": lambda client, **more: client.load_model("identity", **more),
    "trace": lambda client, **more: client.update_trace_settings(
        settings={"trace_level": ["TIMESTAMPS"]}, **more
    ),
    "logging": lambda client, **more: client.update_log_settings({"log_info": True}, **more),
}


@pytest.fixture(scope="module")
def server(
    identity_repository: Path, triton_server: Callable[[Path], TritonServer]
) -> TritonServer:
    return triton_server(identity_repository)


@pytest.fixture(scope="module")
def client(server: TritonServer) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(server.url) as connected:
        yield connected


@pytest.fixture(scope="module")
def process(server: TritonServer) -> psutil.Process:
    (found,) = (
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == server.port
    )
    return psutil.Process(found)


def test_grpc_on_this_machine_is_its_only_open_port(
    server: TritonServer, process: psutil.Process
) -> None:
    listening = [
        (connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == [("127.0.0.1", server.port)]


def test_it_answers_no_http(server: TritonServer) -> None:
    for path in ("/v2/health/ready", "/v2/repository/index", "/metrics"):
        with pytest.raises(httpx.HTTPError):
            httpx.post(f"http://{server.url}{path}", content=b"x", trust_env=False, timeout=5)


@pytest.mark.parametrize("call", RESTRICTED)
def test_a_restricted_call_is_refused_even_with_the_value_of_its_command_line(
    client: InferenceServerClient, process: psutil.Process, call: str
) -> None:
    (option,) = (part for part in process.cmdline() if "restricted-protocol" in part)
    name, _, value = option.rpartition(":")[2].partition("=")
    for header in (None, name, name.lower()):
        more = {"headers": {f"triton-grpc-protocol-{header}": value}} if header else {}
        with pytest.raises(InferenceServerException) as refused:
            RESTRICTED[call](client, **more)
        expected = "Invalid metadata" if header == name else "This protocol is restricted"
        assert expected in str(refused.value)


def test_workers_can_still_ask_what_they_need(client: InferenceServerClient) -> None:
    assert client.is_server_ready()
    assert client.is_model_ready("identity")
    assert client.get_model_config("identity").config.name == "identity"
