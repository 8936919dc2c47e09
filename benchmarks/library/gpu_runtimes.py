"""Compare what can run a model on a GPU: ONNX Runtime with CUDA, TensorRT, and torch.

    python -m benchmarks.library.gpu_runtimes
    python -m benchmarks.library.gpu_runtimes --write bundle --model denoise-color
    python -m benchmarks.library.gpu_runtimes --bundle bundle

Prints dB to float32, milliseconds per tile and tiles per second by batch, and memory, with the
copies from and to the host. Without a GPU it rehearses with what the CPU has. The second form
writes what the third needs on a machine with torch and onnxruntime-gpu (and tensorrt) only. Each
row runs in a process of its own: a runtime that is missing, crashes or takes too long is a row that
says so.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.library.runtime_rows import BATCHES, ROWS

SERVED_MODEL = "denoise-color"
# TensorRT builds its engine in this time; the rest take seconds.
_ROW_SECONDS = 90.0
# Seven rows of a GPU in less than three minutes, that of TensorRT included.
_MEASURED_SECONDS = 1.0
_REHEARSED = (1,)
"""Batches on a CPU, where larger ones show nothing."""


def write_bundle(folder: Path, model: str) -> None:
    """Write graphs, weights and tiles of a shipped model, or of a preset with seeded weights."""
    # A machine that is lent its bundle has neither onnx nor safetensors.
    from hiir.export.artifacts import untrained_release  # noqa: PLC0415
    from hiir.export.graph_form import ExportFormat, Precision  # noqa: PLC0415
    from hiir.export.onnx import export_onnx  # noqa: PLC0415
    from hiir.models.release import list_releases, load_release  # noqa: PLC0415

    release = load_release(model) if model in list_releases() else untrained_release(model)
    contract = release.contract
    folder.mkdir(parents=True, exist_ok=True)
    for form in (ExportFormat(), ExportFormat(precision=Precision.FP16)):
        export_onnx(release.model, contract, folder / form.filename, form=form)
    generator = torch.Generator().manual_seed(0)
    shape = (max(BATCHES), contract.input_channels, contract.tile, contract.tile)
    tiles = torch.rand(shape, generator=generator)
    with torch.inference_mode():
        expected = torch.cat([release.model(tile[None]) for tile in tiles])
    weights = release.model.unfuse().state_dict()
    torch.save({"weights": weights, "tiles": tiles, "expected": expected}, folder / "tensors.pt")
    described = {"model": model, "preset": contract.architecture, "tile": contract.tile}
    (folder / "bundle.json").write_text(json.dumps(described))


def compare(
    folder: Path,
    *,
    batches: Sequence[int] = BATCHES,
    seconds: float = _MEASURED_SECONDS,
    row_seconds: float = _ROW_SECONDS,
) -> Iterator[str]:
    """Yield the lines of the table."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    described = json.loads((folder / "bundle.json").read_text())
    name = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or "CPU"
    rehearsal = "" if device == "cuda" else "; no GPU here: a rehearsal of the script"
    yield f"  {described['model']}, tiles of {described['tile']}, {name}{rehearsal}"
    shown = "".join(f"{f'ms/tile of {batch}':>14}{'tiles/s':>9}" for batch in batches)
    yield f"  {'':34}{'dB':>7}{shown}{'MiB':>8}"
    for row in ROWS[device]:
        found = _measure(
            folder, row, device=device, batches=batches, seconds=seconds, limit=row_seconds
        )
        yield f"  {row:34}{_cells(found, batches)}"


def _measure(
    folder: Path, row: str, *, device: str, batches: Sequence[int], seconds: float, limit: float
) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.library.runtime_rows", str(folder), row]
    command += ["--device", device, "--seconds", str(seconds), "--batches", *map(str, batches)]
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=limit, env=_environment()
        )
    except subprocess.TimeoutExpired:
        return {"reason": f"took more than {limit:g} s"}
    if ran.returncode:
        last = ([line for line in ran.stderr.splitlines() if line.strip()] or ["no message"])[-1]
        return {"reason": f"ended with status {ran.returncode}: {last.strip()[:120]}"}
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def _environment() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, known] if known else [root])}


def _cells(found: dict[str, Any], batches: Sequence[int]) -> str:
    if "reason" in found:
        return f"  not measured: {found['reason']}"
    times = [found["milliseconds"][str(batch)] for batch in batches]
    timed = "".join(f"{each:>14.2f}{1e3 / each:>9.1f}" for each in times)
    memory = "-" if found["mebibytes"] is None else f"{found['mebibytes']:.0f}"
    return f"{found['decibels']:>7.1f}{timed}{memory:>8}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default=SERVED_MODEL, help="a shipped model, or a preset")
    parser.add_argument(
        "--write", type=Path, metavar="DIR", help="write what the GPU machine needs"
    )
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="compare what --write wrote")
    options = parser.parse_args(arguments)
    if options.write:
        write_bundle(options.write, options.model)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.bundle or Path(scratch)
        if options.bundle is None:
            write_bundle(folder, options.model)
        batches = BATCHES if torch.cuda.is_available() else _REHEARSED
        for line in compare(folder, batches=batches):
            print(line, flush=True)


if __name__ == "__main__":
    main()
