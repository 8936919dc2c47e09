"""A server that speaks Triton's protocol, and answers each tile after a set time with its input.

    python -m benchmarks.load.stub_triton --port 8001 --model-repository DIR [--tile-ms 50]

It stands for a GPU of another machine: waiting costs no processor time here.
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc


class StubTriton(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Serves the models of a repository whose output is as large as their input."""

    def __init__(self, repository: Path, *, tile_seconds: float) -> None:
        self._seconds = tile_seconds
        self._configs = {}
        for path in repository.glob("*/config.pbtxt"):
            config = text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
            self._configs[config.name] = config

    async def ServerReady(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - gRPC's
        return service_pb2.ServerReadyResponse(ready=True)

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return service_pb2.ModelReadyResponse(ready=request.name in self._configs)

    async def ModelConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return service_pb2.ModelConfigResponse(config=self._configs[request.name])

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        await asyncio.sleep(self._seconds)
        (tensor,) = request.inputs
        output = service_pb2.ModelInferResponse.InferOutputTensor(
            name="output", datatype=tensor.datatype, shape=tensor.shape
        )
        return service_pb2.ModelInferResponse(
            model_name=request.model_name,
            outputs=[output],
            raw_output_contents=request.raw_input_contents,
        )


async def serve(port: int, repository: Path, *, tile_seconds: float) -> None:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    stub = StubTriton(repository, tile_seconds=tile_seconds)
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(stub, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model-repository", type=Path, required=True)
    parser.add_argument("--tile-ms", type=float, default=50)
    options = parser.parse_args(arguments)
    asyncio.run(serve(options.port, options.model_repository, tile_seconds=options.tile_ms / 1000))


if __name__ == "__main__":
    main()
