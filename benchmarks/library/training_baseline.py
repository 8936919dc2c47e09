"""Training throughput of the compact denoiser, beside a straightforward first version.

The first version is what one writes down from the paper: textbook layers, float32, an optimizer
that goes from parameter to parameter, the loss read after each step, one process that has all
cores. Ours adds, one after the other: our layers, bfloat16, all weights in one tensor that the
optimizer moves, if asked the compiled network, and on a CPU memory that is kept between steps and a
process of one thread for each core, which average their gradients as `hiir train --devices` does.
The profile says where the rest of the time goes.

    python -m benchmarks.library.training_baseline [--batch 16] [--rounds 3] [--compile] [--profile]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, distributed, nn

from benchmarks.library.textbook import textbook_model
from hiir.models.presets import build_model
from hiir.training.flat_weights import FlatWeights
from hiir.training.malloc import keep_freed_memory

_PRESET = "ushape-compact-color"
_PATCH = 64


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What a step of training is made of."""

    textbook: bool = False
    bf16: bool = False
    flat: bool = False
    """Weights in one tensor and the fused optimizer; the loss is not read."""
    compiled: bool = False


_OURS = Variant(bf16=True, flat=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="medians over so many are printed")
    parser.add_argument("--compile", action="store_true", help="too, on a GPU; takes minutes")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if options.compile and device.type == "cpu":
        parser.error("--compile is for GPUs")
    name = (
        torch.cuda.get_device_name()
        if device.type == "cuda"
        else f"{torch.get_num_threads()} threads"
    )
    print(f"{_PRESET}, {options.batch} patches of {_PATCH} x {_PATCH}, {device.type}: {name}")

    rates: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for title, rate in measure(
            device, batch=options.batch, calls=options.steps, compiled=options.compile
        ):
            rates.setdefault(title, []).append(rate)
    first = next(iter(rates.values()))
    for title, measured in rates.items():
        ratio = median(ours / theirs for ours, theirs in zip(measured, first, strict=True))
        print(f"{title:40} {median(measured):9.1f} patches/s {ratio:6.2f} x")
    if options.profile:
        step = prepare(device, batch=options.batch, variant=_OURS)
        step()
        print(profile(step))


def measure(
    device: torch.device, *, batch: int, calls: int, compiled: bool
) -> Iterator[tuple[str, float]]:
    """Patches a second of one variant after the other, the first version first."""

    def rate(variant: Variant) -> float:
        step = prepare(device, batch=batch, variant=variant)
        return batch / seconds_per_call(step, device, calls=calls)

    torch.set_float32_matmul_precision("highest")
    yield "a straightforward first version", rate(Variant(textbook=True))
    torch.set_float32_matmul_precision("high")
    yield "our layers", rate(Variant())
    yield "and bfloat16", rate(Variant(bf16=True))
    yield "and weights in one tensor, nothing read", rate(_OURS)
    if compiled:
        yield "and the compiled network", rate(replace(_OURS, compiled=True))
    if device.type == "cpu":
        processes = os.cpu_count() or 1
        together = rate_together(processes, batch=batch, calls=calls)
        yield f"{processes} processes of one thread, memory kept", together


def rate_together(processes: int, *, batch: int, calls: int) -> float:
    """Patches a second of processes that average their gradients, each with a batch of its own."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = (processes, folder, batch, calls)
        torch.multiprocessing.spawn(train_apart, arguments, nprocs=processes)
        slowest = max(float(path.read_text()) for path in Path(folder).glob("seconds-*"))
    return processes * batch / slowest


def train_apart(rank: int, processes: int, folder: str, batch: int, calls: int) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    rendezvous = f"file://{folder}/rendezvous"
    distributed.init_process_group("gloo", rendezvous, rank=rank, world_size=processes)
    cpu = torch.device("cpu")
    step = prepare(cpu, batch=batch, variant=_OURS)
    seconds = seconds_per_call(step, cpu, calls=calls)
    (Path(folder) / f"seconds-{rank}").write_text(str(seconds))
    distributed.barrier()
    del step
    distributed.destroy_process_group()


def prepare(device: torch.device, *, batch: int, variant: Variant) -> Callable[[], None]:
    """One step of training on patches that lie ready, as a function without arguments."""
    torch.manual_seed(0)
    model = build_model(_PRESET)
    model = (textbook_model(model) if variant.textbook else model).to(device).train()
    clean = torch.rand(batch, 3, _PATCH, _PATCH, device=device)
    noisy = clean + 0.1 * torch.randn_like(clean)
    if variant.flat:
        return flat_step(model, noisy, clean, compiled=variant.compiled)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, foreach=False)

    def step() -> None:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=variant.bf16):
            restored = model(noisy)
        loss: Tensor = nn.functional.l1_loss(restored.float(), clean)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()

    return step


def flat_step(
    model: nn.Module, noisy: Tensor, clean: Tensor, *, compiled: bool
) -> Callable[[], None]:
    """What `hiir.training.loop` does for a batch."""
    weights = FlatWeights(model, dtype=torch.bfloat16)
    network: nn.Module = torch.compile(model) if compiled else model  # type: ignore[assignment]
    optimizer = torch.optim.AdamW([weights.values], lr=1e-4, fused=True)

    def step() -> None:
        loss: Tensor = nn.functional.l1_loss(network(noisy).float(), clean)
        loss.backward()  # type: ignore[no-untyped-call]
        weights.collect()
        nn.utils.clip_grad_norm_(weights.values, 1.0)
        optimizer.step()
        weights.publish()

    return step


def seconds_per_call(step: Callable[[], None], device: torch.device, *, calls: int) -> float:
    for _ in range(3):
        step()
    finish(device)
    started = time.perf_counter()
    for _ in range(calls):
        step()
    finish(device)
    return (time.perf_counter() - started) / calls


def finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def profile(step: Callable[[], None]) -> str:
    with torch.profiler.profile() as recorded:
        step()
    order = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    return str(recorded.key_averages().table(sort_by=order, row_limit=15, max_name_column_width=40))


if __name__ == "__main__":
    main()
