"""The backend shim inside a real Triton, through Triton's own client."""

import asyncio
import dataclasses
import functools
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import tritonclient.grpc as triton
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from service.embedded.ports import choose_port
from service.embedded.triton import TritonServer, is_triton_ready, unique_shm_prefix

pytestmark = pytest.mark.integration
ModelWriter = Callable[[Path, str, onnx.GraphProto, str], None]
INDICES = helper.make_tensor_value_info("indices", TensorProto.INT64, ["batch", 1])
VALUES = helper.make_tensor_value_info("values", TensorProto.FLOAT, ["batch", 1])
LOOKUP_CONFIG = """
    max_batch_size: 8
    input [{ name: "indices" data_type: TYPE_INT64 dims: [1] }]
    output [{ name: "values" data_type: %s dims: [1] }]
    dynamic_batching { max_queue_delay_microseconds: 200000 }
"""


@pytest.fixture(scope="module")
def repository(
    tmp_path_factory: pytest.TempPathFactory, identity_repository: Path, model_writer: ModelWriter
) -> Path:
    root = tmp_path_factory.mktemp("models")
    (root / "identity").symlink_to(identity_repository / "identity")
    model_writer(root, "lookup", _lookup(), LOOKUP_CONFIG % "TYPE_FP32")
    model_writer(root, "slow", *_slow())
    model_writer(root, "text", *_text())
    return root


@pytest.fixture(scope="module")
def server(triton_server: Callable[[Path], TritonServer], repository: Path) -> TritonServer:
    return triton_server(repository)


@pytest.fixture
def client(server: TritonServer) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server.url) as client:
        yield client


def test_identity_returns_every_bit(client: triton.InferenceServerClient) -> None:
    image = np.random.default_rng(0).random((2, 3, 37, 41), np.float32)
    answer = client.infer("identity", [_tensor("input", image)])
    np.testing.assert_array_equal(answer.as_numpy("output"), image)


def test_concurrent_requests_share_a_run_and_keep_their_own_values(
    client: triton.InferenceServerClient,
) -> None:
    before = _executions(client, "identity")
    images = np.random.default_rng(1).random((8, 1, 3, 16, 16), np.float32)
    answers = _infer_all(client, "identity", "input", images)
    for answer, image in zip(answers, images, strict=True):
        np.testing.assert_array_equal(answer.as_numpy("output"), image)
    # Triton counts a request after it has answered it.
    until = time.monotonic() + 10
    while True:
        requests, runs = np.subtract(_executions(client, "identity"), before)
        if requests >= 8 or time.monotonic() > until:
            break
        time.sleep(0.1)
    assert requests >= 8
    assert runs < requests


def test_a_bad_request_fails_alone(client: triton.InferenceServerClient) -> None:
    indices = np.array([[[0]], [[99]], [[2]]], np.int64)
    good, bad, other = _infer_all(client, "lookup", "indices", indices)
    assert good.as_numpy("values").item() == 10
    assert other.as_numpy("values").item() == 30
    assert isinstance(bad, InferenceServerException)
    assert "99" in bad.message()


def test_a_canceled_run_frees_the_instance(client: triton.InferenceServerClient) -> None:
    endless = _tensor("rounds", np.array([10**9], np.int64))
    with pytest.raises(InferenceServerException, match="Deadline Exceeded"):
        client.infer("slow", [endless], client_timeout=0.5)
    one = _tensor("rounds", np.array([1], np.int64))
    assert client.infer("slow", [one], client_timeout=10).as_numpy("total").item() == 1


def test_text_arrives_as_text(client: triton.InferenceServerClient) -> None:
    words = np.array([["ä".encode(), b"b"]], np.object_)
    assert (
        client.infer("text", [_tensor("input", words)]).as_numpy("output").tolist()
        == words.tolist()
    )


def test_a_config_that_misdescribes_its_model_ends_the_server(
    server: TritonServer, tmp_path: Path, taken_ports: set[int], model_writer: ModelWriter
) -> None:
    model_writer(tmp_path / "models", "misdescribed", _lookup(), LOOKUP_CONFIG % "TYPE_FP16")
    other = dataclasses.replace(
        server,
        model_repository=tmp_path / "models",
        work_dir=tmp_path,
        port=choose_port(18_001, taken=taken_ports),
        shm_prefix=unique_shm_prefix(),
    )
    other.prepare()
    ended = subprocess.run(
        other.command(),
        env={**os.environ, **other.environment()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    other.remove_shared_memory()
    assert ended.returncode != 0
    assert re.search(r"tensor\(float16\).*tensor\(float\)", ended.stderr)


def test_no_client_may_load_a_model(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="restricted"):
        client.load_model("identity")


def test_readiness_is_false_where_nobody_listens() -> None:
    assert asyncio.run(is_triton_ready("127.0.0.1:1")) is False


def _lookup() -> onnx.GraphProto:
    table = helper.make_tensor("table", TensorProto.FLOAT, [4], [10, 20, 30, 40])
    node = helper.make_node("Gather", ["table", "indices"], ["values"])
    return helper.make_graph([node], "lookup", [INDICES], [VALUES], [table])


def _slow() -> tuple[onnx.GraphProto, str]:
    """Count to `rounds`, one node at a time."""
    scalar = [1]
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["sum", "one"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.INT64, scalar),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.INT64, scalar),
        ],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["rounds", "", "zero"], ["total"], body=body)],
        "slow",
        [helper.make_tensor_value_info("rounds", TensorProto.INT64, scalar)],
        [helper.make_tensor_value_info("total", TensorProto.INT64, scalar)],
        [
            helper.make_tensor("zero", TensorProto.INT64, scalar, [0]),
            helper.make_tensor("one", TensorProto.INT64, scalar, [1]),
        ],
    )
    config = """
        max_batch_size: 0
        input [{ name: "rounds" data_type: TYPE_INT64 dims: [1] }]
        output [{ name: "total" data_type: TYPE_INT64 dims: [1] }]
    """
    return graph, config


def _text() -> tuple[onnx.GraphProto, str]:
    shape = ["batch", 2]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["input"], ["output"])],
        "text",
        [helper.make_tensor_value_info("input", TensorProto.STRING, shape)],
        [helper.make_tensor_value_info("output", TensorProto.STRING, shape)],
    )
    config = """
        max_batch_size: 4
        input [{ name: "input" data_type: TYPE_STRING dims: [2] }]
        output [{ name: "output" data_type: TYPE_STRING dims: [2] }]
    """
    return graph, config


def _tensor(name: str, array: np.ndarray) -> triton.InferInput:
    tensor = triton.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
    tensor.set_data_from_numpy(array)
    return tensor


def _executions(client: triton.InferenceServerClient, model: str) -> tuple[int, int]:
    """Requests answered and runs made for them."""
    stats = client.get_inference_statistics(model).model_stats[0]
    return stats.inference_count, stats.execution_count


def _infer_all(
    client: triton.InferenceServerClient, model: str, name: str, arrays: np.ndarray
) -> list[triton.InferResult | InferenceServerException]:
    """Send all at once and return answers, or errors, in order."""
    answers: dict[int, triton.InferResult | InferenceServerException] = {}
    arrived = threading.Semaphore(0)

    def keep(index: int, result: triton.InferResult, error: InferenceServerException) -> None:
        answers[index] = error or result
        arrived.release()

    for index, array in enumerate(arrays):
        client.async_infer(model, [_tensor(name, array)], functools.partial(keep, index))
    for _ in arrays:
        assert arrived.acquire(timeout=10)
    return [answers[index] for index in range(len(arrays))]
