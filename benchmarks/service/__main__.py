"""What the service costs beside its model, and what a plain model server takes for the same.

    python -m benchmarks.service [--task denoise-color] [--rounds 3] [--jobs 24] [--clients 1 4 16]

Starts the whole stack, and the same model behind LitServe (`pip install hiir-restore[bench]`), and
measures both in turns:

- a photo of 2 megapixels through HTTP, queue and worker, against the model called directly through
  Triton with the same tiles: at most 10 % may come on top;
- small photos from several clients at once: how long a submission takes, how many are restored in
  a second, and how much of a worker's time is spent beside inference.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from hiir.imaging import Uint8Pixels, decode, restore_tiled
from service.inference.triton import TritonClient
from service.limits import Limits
from service.models import ModelCatalogue
from service.settings import InferenceSettings

SIDES = (1224, 1632)  # 2 megapixels
SMALL = (128, 128)
MOST_OVERHEAD = 0.10
WORKERS = 2
START_SECONDS = 240
_STAGES = ("decode", "restore", "encode", "store")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that restores a photo over HTTP."""

    name: str
    client: httpx.Client
    restore: Callable[[bytes], tuple[float, dict[str, float]]]
    """Send, wait, fetch; gives the seconds of the submission, and those of a worker by stage."""


def photo(height: int, width: int, image_format: str) -> bytes:
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    smooth = 127 + 80 * np.sin(rows / 37) * np.cos(columns / 53)
    noisy = smooth[..., np.newaxis] + generator.normal(0, 15, (height, width, 3))
    output = io.BytesIO()
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(output, format=image_format, quality=92)
    return output.getvalue()


@contextmanager
def child(command: Sequence[str], log: Path, **environment: str) -> Iterator[subprocess.Popen]:
    """Run a server around the block."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_ready(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=5, trust_env=False).status_code == httpx.codes.OK:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"not ready: {url}\n{log.read_text()[-2000:]}")
        time.sleep(0.2)


@contextmanager
def our_service(folder: Path, repository: Path) -> Iterator[dict[str, str]]:
    """Addresses of a stack of our own, without limits for its one client."""
    log, state = folder / "service.log", folder / "data" / "stack.json"
    command = [sys.executable, "-m", "service.embedded", "up", "--data-dir", str(folder / "data")]
    command += ["--model-repository", str(repository), "--worker-concurrency", str(WORKERS)]
    limits = {"SUBMITS_PER_MINUTE": 10**6, "BURST": 10**6, "OPEN_JOBS": 1000}
    environment = {f"HIIR_TENANTS__{name}": str(value) for name, value in limits.items()}
    with child(command, log, **environment) as process:
        deadline = time.monotonic() + START_SECONDS
        while not (state.exists() and "serving on" in log.read_text()):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the stack does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield json.loads(state.read_text())


@contextmanager
def litserve_service(folder: Path, repository: Path, task: str, port: int) -> Iterator[str]:
    log = folder / "litserve.log"
    script = Path(__file__).with_name("litserve_server.py")
    command = [sys.executable, str(script), "--model-repository", str(repository)]
    command += ["--task", task, "--port", str(port), "--workers", str(WORKERS)]
    with child(command, log, PYTHONPATH=os.pathsep.join(sys.path)) as process:
        wait_ready(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}"


def ours(client: httpx.Client, task: str) -> Target:
    def restore(content: bytes) -> tuple[float, dict[str, float]]:
        began = time.perf_counter()
        answer = client.post("/v1/jobs", data={"task": task}, files={"file": content})
        submitted = time.perf_counter() - began
        if answer.status_code != httpx.codes.ACCEPTED:
            sys.exit(f"refused: {answer.text}")
        job = answer.json()
        while job["status"] in {"queued", "running"}:
            job = client.get(job["urls"]["self"], params={"wait": 60}).json()
        if job["status"] != "succeeded":
            sys.exit(f"the job ended {job['status']}: {job['error']}")
        client.get(job["urls"]["result"]).raise_for_status()
        return submitted, job["timings"]

    return Target(name="Hi-IR Restore", client=client, restore=restore)


def litserve(client: httpx.Client) -> Target:
    def restore(content: bytes) -> tuple[float, dict[str, float]]:
        began = time.perf_counter()
        client.post("/restore", files={"file": content}).raise_for_status()
        return time.perf_counter() - began, {}

    return Target(name="LitServe", client=client, restore=restore)


def direct(url: str, repository: Path, task: str, content: bytes) -> Callable[[], None]:
    """The model through Triton and nothing else: pixels in, pixels out."""
    contract = ModelCatalogue.read(repository).get(task)
    pixels: Uint8Pixels = decode(io.BytesIO(content), Limits().image_limits()).pixels
    settings = InferenceSettings()
    client = TritonClient(url=url, settings=settings)

    def call() -> None:
        with client.engine(contract) as engine:
            restore_tiled(
                image=pixels,
                contract=contract,
                infer=engine,
                in_flight=settings.tiles_in_flight,
                on_progress=lambda *_: None,
                should_stop=lambda: False,
            )

    return call


def timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def compare_large(
    targets: Sequence[Target], plain: Callable[[], None], content: bytes, rounds: int
) -> float:
    """Print the medians for one large photo; the part that the service adds to the plain model."""
    calls: dict[str, Callable[[], Any]] = {"directly through Triton": plain}
    calls |= {item.name: lambda item=item: item.restore(content) for item in targets}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        # In turns, and from both ends: what else the machine does is then unfair to none.
        for name in sorted(calls, reverse=bool(number % 2)):
            took = timed(calls[name])
            if number:  # the first is a warm-up
                seconds[name].append(took)
    base = statistics.median(seconds["directly through Triton"])
    print("| a photo of 2 megapixels, one client | median s | beside the plain model |")
    print("|---|---|---|")
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"| {name} | {median:.2f} | {100 * (median / base - 1):+.1f} % |")
    ratios = [
        ours_s / plain_s
        for ours_s, plain_s in zip(
            seconds[targets[0].name], seconds["directly through Triton"], strict=True
        )
    ]
    return statistics.median(ratios) - 1


def measure_load(target: Target, content: bytes, *, clients: int, jobs: int) -> None:
    """Print a line: `jobs` small photos from so many clients."""
    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = list(pool.map(target.restore, [content] * jobs))
    total = time.perf_counter() - began
    submits = sorted(1000 * submitted for submitted, _ in done)
    p50, p99 = (float(np.percentile(submits, part)) for part in (50, 99))
    spent = sum(stages.get(stage, 0) for _, stages in done for stage in _STAGES)
    inference = sum(stages.get("infer", stages.get("restore", 0)) for _, stages in done)
    beside = spent - inference
    share = f"{100 * beside / spent:.1f} %" if spent else "-"
    print(
        f"| {target.name} | {clients} | {p50:.0f} | {p99:.0f} | {jobs / total:.2f} | {share} |",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="denoise-color", help="name of a model")
    parser.add_argument("--model-repository", type=Path, default=Path("model_repository"))
    parser.add_argument("--rounds", type=int, default=3, help="of the large photo")
    parser.add_argument("--jobs", type=int, default=32, help="small photos for each line")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--without-litserve", action="store_true")
    parser.add_argument("--port", type=int, default=8719, help="for LitServe")
    options = parser.parse_args(arguments)
    repository = options.model_repository.resolve()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        addresses = stack.enter_context(our_service(folder, repository))
        connect = lambda url: stack.enter_context(  # noqa: E731
            httpx.Client(base_url=url, timeout=600, trust_env=False)
        )
        targets = [ours(connect(addresses["api_url"]), options.task)]
        if not options.without_litserve:
            url = stack.enter_context(
                litserve_service(folder, repository, options.task, options.port)
            )
            targets.append(litserve(connect(url)))
        large, small = photo(*SIDES, "JPEG"), photo(*SMALL, "PNG")
        plain = direct(addresses["triton_url"], repository, options.task, large)
        overhead = compare_large(targets, plain, large, options.rounds)
        print(f"\nThe service adds {100 * overhead:.1f} % (median over the rounds).\n")
        print("| small photos | clients | submit p50 ms | p99 ms | photos/s | beside inference |")
        print("|---|---|---|---|---|---|")
        for clients in options.clients:
            for target in targets:
                measure_load(target, small, clients=clients, jobs=max(options.jobs, clients))
    return 0 if overhead <= MOST_OVERHEAD else 1


if __name__ == "__main__":
    sys.exit(main())
