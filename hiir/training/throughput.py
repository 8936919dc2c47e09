"""Benchmark of training steps: patches per second on batches that are already on the device.

python -m hiir.training.throughput --preset ushape-lean48-color --seconds 5
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch

from hiir.datasets.degraded_patches import Batch
from hiir.models.columnar import ColumnarConfig
from hiir.models.flops import measure_cost
from hiir.models.presets import get_preset
from hiir.training.compilation import compiled
from hiir.training.config import Compile, OptimizerConfig, OptimizerKind
from hiir.training.ema import WeightAverage
from hiir.training.flat_weights import FlatWeights
from hiir.training.losses import Psnr, build_loss
from hiir.training.optimizer import FlatOptimizer
from hiir.training.step import TrainingStep

__all__ = ["MODES", "Throughput", "measure_step", "peak_tflops"]

MODES: dict[str, tuple[Compile, bool]] = {
    "eager": (Compile.NO, False),
    "compiled layers": (Compile.LAYERS, False),
    "recorded": (Compile.NO, True),
    "compiled layers, recorded": (Compile.LAYERS, True),
}
"""Modes of a step on a GPU: what is compiled, and whether the step is a CUDA graph."""

# A step multiplies about three times what a forward pass does: forward, and both gradients.
_PASSES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """The result of a measurement; zeros if the step failed."""

    preset: str
    mode: str
    batch: int
    patch: int
    """Side of a clean patch in pixels."""
    patches_per_second: float = 0.0
    tflops: float = 0.0
    """10^12 operations per second; a multiply-accumulate counts as two."""
    memory_mib: float = 0.0
    """Peak memory of the GPU; 0 on a CPU."""
    first_step_seconds: float = 0.0
    """Time of the first step, including compilation and recording."""
    error: str = ""


def measure_step(
    preset: str,
    mode: str,
    *,
    batch: int,
    device: torch.device,
    seconds: float,
    patch: int = 64,
    bf16: bool = True,
) -> Throughput:
    """Train on one random batch for some time.

    Args:
        preset: preset of the network.
        mode: one of `MODES`; they are equal on a CPU.
        batch: number of patches per step.
        device: device of the model and the batch.
        seconds: time to measure, after a warm-up of some steps.
        patch: side of a clean patch in pixels; for super-resolution the side of the output.
        bf16: compute in bfloat16.
    """
    about = {"preset": preset, "mode": mode, "batch": batch, "patch": patch}
    try:
        return _measure(about, device=device, seconds=seconds, bf16=bf16)
    except (RuntimeError, ValueError) as error:
        if device.type == "cuda":
            torch.cuda.empty_cache()
        return Throughput(**about, error=str(error).partition("\n")[0])  # type: ignore[arg-type]


def _measure(
    about: dict[str, object], *, device: torch.device, seconds: float, bf16: bool
) -> Throughput:
    asked = Throughput(**about)  # type: ignore[arg-type]
    torch.manual_seed(0)
    config = get_preset(asked.preset)
    step, batch = _prepare(asked, device=device, bf16=bf16)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    began = time.perf_counter()
    step(batch, rate=1e-4, step=0)
    _finish(device)
    first = time.perf_counter() - began
    for number in range(1, 6):
        step(batch, rate=1e-4, step=number)
    _finish(device)
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step(batch, rate=1e-4, step=6 + steps)
        steps += 1
        if steps % 10 == 0:
            _finish(device)
    _finish(device)
    rate = steps * asked.batch / (time.perf_counter() - began)
    side = asked.patch // config.upscale
    operations = 2 * _PASSES * measure_cost(config, height=side, width=side).macs
    memory = torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else 0.0
    return Throughput(
        **about,  # type: ignore[arg-type]
        patches_per_second=rate,
        tflops=rate * operations / 1e12,
        memory_mib=memory,
        first_step_seconds=first,
    )


def _prepare(asked: Throughput, *, device: torch.device, bf16: bool) -> tuple[TrainingStep, Batch]:
    config = get_preset(asked.preset)
    model = config.build().to(device).train()
    side = asked.patch // config.upscale
    batch = Batch(
        degraded=torch.rand(asked.batch, config.in_channels, side, side, device=device),
        clean=torch.rand(asked.batch, config.out_channels, asked.patch, asked.patch, device=device),
    )
    weights = FlatWeights(model, dtype=torch.bfloat16 if bf16 else torch.float32)
    muon = OptimizerConfig(
        kind=OptimizerKind.MUON, lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-4, clip_norm=1.0
    )
    wanted, recorded = MODES[asked.mode]
    step = TrainingStep(
        model=compiled(model, wanted, device=device),
        loss=build_loss(Psnr()).to(device),
        weights=weights,
        optimizer=FlatOptimizer(muon, weights),
        average=WeightAverage(weights, decay=0.999),
        clip_norm=1.0,
        cuda_graph=recorded and device.type == "cuda",
    )
    return step, batch


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_tflops(device: torch.device, *, size: int = 8192, seconds: float = 1.0) -> float:
    """10^12 operations per second of a large bfloat16 product: the device's attainable maximum."""
    size = size if device.type == "cuda" else 1024
    a = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    a @ a
    _finish(device)
    began, products = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        for _ in range(5):
            a @ a
        products += 5
        _finish(device)
    return 2 * size**3 * products / (time.perf_counter() - began) / 1e12


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure presets in all modes, and print one line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--preset", action="append", required=True)
    parser.add_argument("--batch-pixels", type=int, default=2**21, help="clean pixels of a step")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_float32_matmul_precision("high")
    peak = peak_tflops(device)
    sys.stdout.write(json.dumps({"device": str(device), "peak_tflops": round(peak, 1)}) + "\n")
    for preset in options.preset:
        patch = 128 if isinstance(get_preset(preset), ColumnarConfig) else 64
        for mode in MODES if device.type == "cuda" else ("eager",):
            found = measure_step(
                preset,
                mode,
                batch=max(options.batch_pixels // patch**2, 1),
                device=device,
                seconds=options.seconds,
                patch=patch,
            )
            sys.stdout.write(json.dumps(asdict(found)) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
