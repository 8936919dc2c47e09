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
    assert "96000000" in bad.message()


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
    assert re.search(r"'values': 'f16'.*'values': 'f32'", ended.stderr)


def test_no_client_may_load_a_model(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="restricted"):
        client.load_model("identity")


def test_readiness_is_false_where_nobody_listens() -> None:
    assert asyncio.run(is_triton_ready("127.0.0.1:1")) is False


def _lookup() -> onnx.GraphProto:
    """Take a value of a table; an index beyond it asks for petabytes."""
    nodes = [
        helper.make_node("Gather", ["table", "indices"], ["found"]),
        helper.make_node("Sub", ["indices", "last"], ["beyond"]),
        helper.make_node("Max", ["beyond", "zero"], ["excess"]),
        helper.make_node("Mul", ["excess", "million"], ["side"]),
        helper.make_node("Reshape", ["side", "one"], ["length"]),
        helper.make_node("Concat", ["length", "length"], ["shape"], axis=0),
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["found", "nothing"], ["values"]),
    ]
    integers = {"last": 3, "zero": 0, "million": 10**6, "one": 1}
    constants = [
        helper.make_tensor("table", TensorProto.FLOAT, [4], [10, 20, 30, 40]),
        *(
            helper.make_tensor(name, TensorProto.INT64, [1], [value])
            for name, value in integers.items()
        ),
    ]
    return helper.make_graph(nodes, "lookup", [INDICES], [VALUES], constants)


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
