"""Real servers for the tests, started once a session from the same code as the embedded stack's."""

import asyncio
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from pydantic import SecretStr

from service.embedded.ports import choose_port
from service.embedded.redis import RedisServer
from service.embedded.settings import StackSettings
from service.embedded.triton import TritonServer, unique_shm_prefix
from service.embedded.triton_release import ensure_tritonserver

START_TIMEOUT_S = 60


@pytest.fixture(scope="session")
def taken_ports() -> set[int]:
    """Ports promised to servers of this session."""
    return set()


@pytest.fixture(scope="session")
def redis_server(
    tmp_path_factory: pytest.TempPathFactory, taken_ports: set[int]
) -> Iterator[RedisServer]:
    """A Redis of the session's own, empty at its start."""
    server = RedisServer(
        data_dir=tmp_path_factory.mktemp("redis"),
        port=choose_port(16_379, taken=taken_ports),
        max_memory="512mb",
        password=SecretStr("s3cret/word"),
    )
    server.prepare()
    with running(server.command(), {}, server.is_ready):
        yield server


@pytest.fixture(scope="session")
def triton_server(
    tmp_path_factory: pytest.TempPathFactory, taken_ports: set[int]
) -> Iterator[Callable[[Path], TritonServer]]:
    """Give a function that starts Triton on a model repository, once for each."""
    servers: dict[Path, TritonServer] = {}

    def start(model_repository: Path) -> TritonServer:
        if model_repository in servers:
            return servers[model_repository]
        server = TritonServer(
            release=ensure_tritonserver(StackSettings().cache_dir),
            model_repository=model_repository,
            work_dir=tmp_path_factory.mktemp("triton"),
            port=choose_port(18_001, taken=taken_ports),
            shm_prefix=unique_shm_prefix(),
        )
        server.prepare()
        cleanup.callback(server.remove_shared_memory)
        cleanup.enter_context(running(server.command(), server.environment(), server.is_ready))
        servers[model_repository] = server
        return server

    with ExitStack() as cleanup:
        yield start


@pytest.fixture(scope="session")
def identity_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository with the one model `identity`: (B, 3, H, W) float32, batches up to 8."""
    root = tmp_path_factory.mktemp("identity_repository")
    shape = ["batch", 3, "height", "width"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["input"], ["output"])],
        "identity",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)],
    )
    config = """
        max_batch_size: 8
        input [{ name: "input" data_type: TYPE_FP32 dims: [3, -1, -1] }]
        output [{ name: "output" data_type: TYPE_FP32 dims: [3, -1, -1] }]
        dynamic_batching { max_queue_delay_microseconds: 50000 }
        instance_group [{ kind: KIND_CPU count: 1 }]
    """
    add_model(root, "identity", graph, config)
    return root


@pytest.fixture(scope="session")
def model_writer() -> Callable[[Path, str, onnx.GraphProto, str], None]:
    """Give `add_model` to test modules, which cannot import this one."""
    return add_model


def add_model(root: Path, name: str, graph: onnx.GraphProto, config: str) -> None:
    """Write one model in Triton's layout; opset and IR of the ONNX are old enough for any."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    version = root / name / "1"
    version.mkdir(parents=True)
    onnx.save(model, version / "model.onnx")
    text = f'name: "{name}"\nbackend: "openvino"\ndefault_model_filename: "model.onnx"\n{config}'
    (root / name / "config.pbtxt").write_text(text)


@contextmanager
def running(
    command: tuple[str, ...],
    environment: Mapping[str, str],
    is_ready: Callable[[], Awaitable[bool]],
) -> Iterator[None]:
    """Run a server around the block, from ready to ended."""
    with subprocess.Popen(command, env={**os.environ, **environment}) as process:
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not asyncio.run(is_ready()):
                assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
                assert time.monotonic() < deadline, f"{command[0]} is not ready"
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
