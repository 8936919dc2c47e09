"""What the service costs beside its model, and what a plain model server takes for the same.

    python -m benchmarks.service [--task denoise-color] [--rounds 3] [--jobs 24] [--clients 1 4 16]

Starts the whole stack, and the same model behind LitServe (`pip install hiir-restore[bench]`), and
measures both in turns:

- a photo of 2 megapixels through HTTP, queue and worker, against the model called directly through
  Triton with the same tiles: at most 10 % may come on top. Processor seconds are shown beside the
  clock's, because they are the same on a machine that has other things to do;
- small photos from several clients at once: how long a submission takes, how many are restored in
  a second, and how much of a worker's time is spent beside inference;
- one small photo after another: where the milliseconds go (`benchmarks.service.small_photo`).
"""

import argparse
import contextlib
import io
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
import psutil
from PIL import Image

from benchmarks.service.small_photo import profile
from benchmarks.service.stack import START_SECONDS, child, running_stack
from hiir.imaging import restore_tiled, restored_shape
from service.catalogue.models import ModelCatalogue
from service.inference.triton import TritonClient
from service.settings import InferenceSettings

SIDES = (1224, 1632)  # 2 megapixels
SMALL = (128, 128)
MOST_OVERHEAD = 0.10
WORKERS = 2
_PLAIN = "directly through Triton"
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
def litserve_service(folder: Path, repository: Path, task: str, port: int) -> Iterator[None]:
    log = folder / "litserve.log"
    script = Path(__file__).with_name("litserve_server.py")
    command = [sys.executable, str(script), "--model-repository", str(repository)]
    command += ["--task", task, "--port", str(port), "--workers", str(WORKERS)]
    with child(command, log, PYTHONPATH=os.pathsep.join(sys.path)) as process:
        wait_ready(f"http://127.0.0.1:{port}/health", process, log)
        yield


def ours(client: httpx.Client, task: str) -> Target:
    def restore(content: bytes) -> tuple[float, dict[str, float]]:
        began = time.perf_counter()
        answer = client.post(
            "/v1/jobs",
            data={"task": task},
            files={"file": content},
            headers={"Cache-Control": "no-store"},  # the same photo again
        )
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
    with Image.open(io.BytesIO(content)) as image:
        pixels = np.asarray(image)
    output = np.empty(restored_shape(pixels.shape, contract), np.uint8)
    client = TritonClient(url=url, settings=InferenceSettings())
    with client.engine(contract) as engine:
        served = engine.require_model()

    def call() -> None:
        with client.engine(contract, served=served) as engine:
            restore_tiled(
                image=pixels,
                output=output,
                contract=contract,
                infer=engine,
                in_flight=engine.tiles_in_flight,
                on_progress=lambda *_: None,
                should_stop=lambda: False,
            )

    return call


class Processors:
    """Processor seconds that groups of processes have used."""

    def __init__(self, groups: dict[str, Sequence[int]]) -> None:
        self._groups = groups

    def spent(self, call: Callable[[], Any]) -> tuple[float, dict[str, float]]:
        """Seconds of the clock that a call takes, and those of each group meanwhile."""
        before, began = self._used(), time.perf_counter()
        call()
        seconds, after = time.perf_counter() - began, self._used()
        return seconds, {name: after[name] - before[name] for name in after}

    def _used(self) -> dict[str, float]:
        return {name: sum(map(used_by, roots)) for name, roots in self._groups.items()}


def used_by(root: int) -> float:
    """Processor seconds of a process and its living descendants; of this one, its own alone."""
    total = 0.0
    process = psutil.Process(root)
    others = [] if root == os.getpid() else process.children(recursive=True)
    for member in (process, *others):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = member.cpu_times()
            total += times.user + times.system
    return total


def compare_large(
    targets: Sequence[Target],
    plain: Callable[[], None],
    content: bytes,
    rounds: int,
    processors: Processors,
) -> bool:
    """Print the medians for one large photo; whether the service adds no more than it may."""
    calls: dict[str, Callable[[], Any]] = {_PLAIN: plain}
    calls |= {item.name: lambda item=item: item.restore(content) for item in targets}
    found: dict[str, list[tuple[float, dict[str, float]]]] = {name: [] for name in calls}
    for number in range(rounds):
        # In turns, and from both ends: what else the machine does is then unfair to none.
        for name in sorted(calls, key=str.lower, reverse=bool(number % 2)):
            found[name].append(processors.spent(calls[name]))
            print(f"{name}: {found[name][-1][0]:.1f} s", file=sys.stderr, flush=True)
    clock = {name: statistics.median(seconds for seconds, _ in found[name]) for name in found}
    print("| a photo of 2 megapixels, one client | clock, s | processor, s | of it inference |")
    print("|---|---|---|---|")
    beside = {}
    for name, measured in found.items():
        groups = [used for _, used in measured]
        total = statistics.median(sum(used.values()) for used in groups)
        inference = statistics.median(used["triton"] for used in groups)
        beside[name] = total - inference
        # LitServe's workers do not descend from its server: theirs cannot be measured.
        used = f"{total:.2f} | {inference:.2f}" if inference > beside[name] else "- | -"
        print(f"| {name} | {clock[name]:.1f} | {used} |")
    ours, inference = targets[0].name, statistics.median(u["triton"] for _, u in found[_PLAIN])
    on_clock = clock[ours] / clock[_PLAIN] - 1
    on_processor = (beside[ours] - beside[_PLAIN]) / (inference + beside[_PLAIN])
    print(
        f"\nThe service adds {100 * on_clock:+.1f} % on the clock and {100 * on_processor:+.1f} % "
        f"of processor time to the plain model; {100 * MOST_OVERHEAD:.0f} % may come on top.\n",
        flush=True,
    )
    return on_clock <= MOST_OVERHEAD


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
    parser.add_argument("--rounds", type=int, default=3, help="of the large photo; 0 for none")
    parser.add_argument("--jobs", type=int, default=32, help="small photos for each line")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--without-litserve", action="store_true")
    parser.add_argument("--port", type=int, default=8719, help="for LitServe")
    options = parser.parse_args(arguments)
    repository = options.model_repository.resolve()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        service = stack.enter_context(running_stack(folder, repository, workers=WORKERS))
        addresses = service.addresses()
        connect = lambda url: stack.enter_context(  # noqa: E731
            httpx.Client(base_url=url, timeout=600, trust_env=False)
        )
        targets = [ours(service.client, options.task)]
        if not options.without_litserve:
            server = litserve_service(folder, repository, options.task, options.port)
            stack.enter_context(server)
            targets.append(litserve(connect(f"http://127.0.0.1:{options.port}")))
        large, small = photo(*SIDES, "JPEG"), photo(*SMALL, "PNG")
        plain = direct(addresses["triton_url"], repository, options.task, large)
        for target in targets:  # warm up
            target.restore(small)
        pids = addresses["pids"]
        roots = {"triton": [pids["triton"]], "this": [os.getpid()]}
        roots["service"] = [pid for name, pid in pids.items() if name != "triton"]
        good = not options.rounds or compare_large(
            targets, plain, large, options.rounds, Processors(roots)
        )
        print("| small photos | clients | submit p50 ms | p99 ms | photos/s | beside inference |")
        print("|---|---|---|---|---|---|")
        for clients in options.clients:
            for target in targets:
                measure_load(target, small, clients=clients, jobs=max(options.jobs, clients))
        print()
        profile(service, options.task, options.jobs)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
