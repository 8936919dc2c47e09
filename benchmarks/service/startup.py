"""How long the embedded Triton takes to start with every model, and what memory it holds then.

`python -m benchmarks.service.startup [--repository DIR]` exports each model of
`hiir/configs/` with fresh weights (trained ones cost the same), starts Triton on them, asks every
model for one tile, and prints seconds and MiB.
"""

import argparse
import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from hiir.export.artifacts import untrained_release
from hiir.export.triton import export_release
from hiir.imaging import ModelContract
from hiir.models.release import Release
from hiir.training.experiments import list_configs, load_config
from service.embedded.ports import choose_port
from service.embedded.settings import StackSettings
from service.embedded.triton import TritonServer, unique_shm_prefix
from service.embedded.triton_release import ensure_tritonserver
from service.inference.triton import TritonClient
from service.settings import InferenceSettings

MIB = 2**20
PATIENCE_S = 300


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repository", type=Path, help="kept for the next time; else temporary")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        repository = (options.repository or folder / "models").resolve()
        began, cpu = time.perf_counter(), time.process_time()
        contracts = [export(name, repository) for name in model_names()]
        print(
            f"export of {len(contracts)}, parity checked: {time.perf_counter() - began:.1f} s, "
            f"{time.process_time() - cpu:.1f} s of CPU"
        )
        measure(contracts, repository, folder)


def model_names() -> list[str]:
    """One for each configuration of a compact model."""
    return [name for name in list_configs() if not name.startswith("paper-")]


def export(name: str, repository: Path) -> ModelContract:
    config = load_config(name)
    made = untrained_release(config.preset)
    release = Release(
        model=made.model,
        contract=replace(
            made.contract,
            name=name,
            task=config.release.task,
            tile=config.release.tile,
            overlap=config.release.overlap,
        ),
    )
    (repository / name).mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    export_release(release, repository)
    print(f"  {name}: {time.perf_counter() - began:.1f} s")
    return release.contract


def measure(contracts: Sequence[ModelContract], repository: Path, folder: Path) -> None:
    taken: set[int] = set()
    server = TritonServer(
        release=ensure_tritonserver(StackSettings().cache_dir),
        model_repository=repository,
        work_dir=folder / "triton",
        port=choose_port(38_001, taken=taken),
        shm_prefix=unique_shm_prefix(),
    )
    server.prepare()
    environment = {**os.environ, **server.environment()}
    began = time.perf_counter()
    with subprocess.Popen(server.command(), env=environment) as process:
        try:
            while not asyncio.run(server.is_ready()):
                if process.poll() is not None or time.perf_counter() - began > PATIENCE_S:
                    raise SystemExit("Triton did not get ready")
                time.sleep(0.1)
            print(
                f"ready with {len(contracts)} models: {time.perf_counter() - began:.1f} s, "
                f"{cpu_seconds(process.pid):.1f} s of CPU, load {os.getloadavg()[0]:.1f}"
            )
            print_memory("when ready", process.pid)
            ask(contracts, server.url)
            print_memory("after a tile of every model", process.pid)
        finally:
            process.terminate()
            process.wait()
            server.remove_shared_memory()


def ask(contracts: Sequence[ModelContract], url: str) -> None:
    client = TritonClient(url=url, settings=InferenceSettings())
    for contract in contracts:
        shape = (1, contract.input_channels, contract.tile, contract.tile)
        tile = np.random.default_rng(0).random(shape, np.float32)
        with client.engine(contract) as engine:
            engine.require_model()
            began = time.perf_counter()
            engine.submit(tile).result()
            seconds = time.perf_counter() - began
            print(f"  {contract.name}: {seconds / contract.tile**2 * 1e6:.1f} s a megapixel")
    client.close()


def cpu_seconds(pid: int) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in tree(pid))


def tree(pid: int) -> list[psutil.Process]:
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def print_memory(when: str, pid: int) -> None:
    processes = tree(pid)
    own = sum(process.memory_full_info().pss for process in processes)
    threads = sum(process.num_threads() for process in processes)
    print(f"{when}: {own / MIB:.0f} MiB in {len(processes)} processes, {threads} threads")


if __name__ == "__main__":
    main()
