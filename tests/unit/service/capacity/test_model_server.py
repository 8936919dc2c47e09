"""Triton's health, asked of a gRPC server of the test's own."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from service.capacity.model_server import ModelServer
from service.errors import InferenceUnavailableError


class Health(service_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self):
        self.ready = True
        self.models = {"derain"}
        self.delay = 0.0

    def ServerReady(self, request, context):  # noqa: N802 - named by the protocol
        time.sleep(self.delay)
        return service_pb2.ServerReadyResponse(ready=self.ready)

    def ModelReady(self, request, context):  # noqa: N802
        return service_pb2.ModelReadyResponse(ready=request.name in self.models)


def start(health, port=0):
    server = grpc.server(ThreadPoolExecutor(2))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(health, server)
    chosen = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, chosen


@pytest.fixture
def health():
    return Health()


@pytest.fixture
def port(health):
    server, chosen = start(health)
    yield chosen
    server.stop(None).wait()


def test_the_server_and_each_model_are_asked(health, port):
    with closing(ModelServer(url=f"127.0.0.1:{port}", timeout_seconds=5)) as server:
        assert server.is_ready()
        assert server.serves("derain")
        assert not server.serves("dehaze")
        health.ready = False
        assert not server.is_ready()


def test_a_server_that_is_slow_or_away_is_an_error_in_time(health, port, unused_port):
    health.delay = 3.0
    for url in (f"127.0.0.1:{port}", f"127.0.0.1:{unused_port}"):
        with closing(ModelServer(url=url, timeout_seconds=0.2)) as server:
            began = time.monotonic()
            with pytest.raises(InferenceUnavailableError):
                server.is_ready()
            assert time.monotonic() - began < 2


def test_a_server_that_is_back_is_found_again(health):
    first, port = start(health)
    with closing(ModelServer(url=f"127.0.0.1:{port}", timeout_seconds=1)) as server:
        assert server.is_ready()
        first.stop(None).wait()
        with pytest.raises(InferenceUnavailableError):
            server.serves("derain")
        second, _ = start(health, port)
        deadline = time.monotonic() + 10
        while True:
            try:
                assert server.is_ready()
                break
            except InferenceUnavailableError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        second.stop(None).wait()
