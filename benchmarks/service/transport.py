"""What it costs to bring a tile to Triton and back, by type of sample and by way.

    python -m benchmarks.service.transport [--side 256] [--tiles 40] [--rounds 7]

A model that changes nothing is asked in turns: float32 both ways, as the service does; 8-bit
samples on the way in, which the graph scales; each by gRPC and by Triton's shared memory. Printed
are the median milliseconds of the processor for a tile, of this process and of Triton's.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import psutil
from onnx import TensorProto, helper
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import shared_memory

from benchmarks.service.stack import IDENTITY
from hiir.export.triton_config import render_config
from service.embedded.ports import choose_port
from service.embedded.settings import StackSettings
from service.embedded.triton import TritonServer, unique_shm_prefix
from service.embedded.triton_release import ensure_tritonserver

_START_SECONDS = 60
_TYPES = {
    "FP32": (np.dtype(np.float32), TensorProto.FLOAT),
    "UINT8": (np.dtype(np.uint8), TensorProto.UINT8),
}


def write_models(repository: Path) -> None:
    """Write a model for each type of input; its output is float32 in [0, 1]."""
    for name, (_, kind) in _TYPES.items():
        nodes = [helper.make_node("Identity", ["input"], ["output"])]
        constants = []
        if name == "UINT8":
            nodes = [
                helper.make_node("Cast", ["input"], ["levels"], to=TensorProto.FLOAT),
                helper.make_node("Div", ["levels", "white"], ["output"]),
            ]
            constants = [helper.make_tensor("white", TensorProto.FLOAT, [], [255.0])]
        shape = ["batch", 3, "height", "width"]
        ends = [
            helper.make_tensor_value_info("input", kind, shape),
            helper.make_tensor_value_info("output", TensorProto.FLOAT, shape),
        ]
        graph = helper.make_graph(nodes, name, ends[:1], ends[1:], constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        folder = repository / name.lower() / "1"
        folder.mkdir(parents=True)
        onnx.save(model, folder / "model.onnx")
        config = render_config(replace(IDENTITY, name=name.lower()))
        config = config.replace("TYPE_FP32", f"TYPE_{name}", 1)  # the input comes first
        (folder.parent / "config.pbtxt").write_text(config)


@contextmanager
def triton(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Start a Triton whose shared memory is open to every caller, for this benchmark alone."""
    server = TritonServer(
        release=ensure_tritonserver(StackSettings().cache_dir, on_download=print),
        model_repository=folder / "models",
        work_dir=folder / "triton",
        port=choose_port(8731, taken=set()),
        shm_prefix=unique_shm_prefix(),
    )
    server.prepare()
    command = [part for part in server.command() if "restricted-protocol" not in part]
    with subprocess.Popen(command, env={**os.environ, **server.environment()}) as process:
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not asyncio.run(server.is_ready()):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("Triton does not start")
                time.sleep(0.2)
            yield server.url, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()
            server.remove_shared_memory()


class Sender:
    """Sends one tile of a type, by gRPC or through two regions of shared memory."""

    def __init__(
        self,
        client: InferenceServerClient,
        name: str,
        side: int,
        *,
        regions: ExitStack | None = None,
    ) -> None:
        dtype, _ = _TYPES[name]
        levels = np.random.default_rng(0).integers(0, 256, (1, 3, side, side), np.uint8)
        self._tile = levels if name == "UINT8" else levels.astype(dtype) / dtype.type(255)
        self._client, self._name = client, name
        self._input = InferInput("input", list(self._tile.shape), name)
        self._output = InferRequestedOutput("output")
        self._regions = []
        if regions is not None:
            for end, size in (("in", self._tile.nbytes), ("out", 4 * levels.size)):
                key = f"{name}-{end}"
                region = shared_memory.create_shared_memory_region(key, f"/hiir-{key}", size)
                regions.callback(shared_memory.destroy_shared_memory_region, region)
                client.register_system_shared_memory(key, f"/hiir-{key}", size)
                tensor = self._input if end == "in" else self._output
                tensor.set_shared_memory(key, size)
                self._regions.append(region)

    def send(self) -> np.ndarray:
        """Return the `(1, 3, side, side)` float32 output, in memory of this process."""
        if not self._regions:
            self._input.set_data_from_numpy(self._tile)
        else:
            shared_memory.set_shared_memory_region(self._regions[0], [self._tile])
        answer = self._client.infer(self._name.lower(), [self._input], outputs=[self._output])
        if not self._regions:
            return answer.as_numpy("output")
        shape = list(self._tile.shape)
        return shared_memory.get_contents_as_numpy(self._regions[1], np.float32, shape).copy()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--tiles", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_models(folder / "models")
        url, server = stack.enter_context(triton(folder))
        client = stack.enter_context(InferenceServerClient(url))
        senders = {
            f"{name} by {way}": Sender(client, name, options.side, regions=regions)
            for name in _TYPES
            for way, regions in (("gRPC", None), ("shared memory", stack))
        }
        expected = senders["FP32 by gRPC"].send()
        for name, sender in senders.items():
            np.testing.assert_allclose(sender.send(), expected, atol=1e-6, err_msg=name)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in senders}
        processes = [server, *server.children(recursive=True)]
        for number in range(options.rounds):
            for name in sorted(senders, reverse=bool(number % 2)):
                here, there = time.process_time(), _used(processes)
                for _ in range(options.tiles):
                    senders[name].send()
                ours = time.process_time() - here
                found[name].append((ours, _used(processes) - there))
    print(f"| a tile of {options.side} x {options.side} | worker, ms | Triton, ms | in all, ms |")
    print("|---|---|---|---|")
    for name, measured in found.items():
        ours, theirs = (
            1e3 * statistics.median(part) / options.tiles for part in zip(*measured, strict=True)
        )
        print(f"| {name} | {ours:.2f} | {theirs:.2f} | {ours + theirs:.2f} |")


def _used(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


if __name__ == "__main__":
    main()
