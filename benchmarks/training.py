"""Training throughput of the compact denoiser, beside a straightforward first version.

The first version is what one writes down from the paper: textbook layers, float32, an optimizer
that goes from parameter to parameter, the loss read after each step, one process that has all
cores. Ours adds, one after the other: our layers, bfloat16, the fused optimizer, if asked the
compiled network, and on a CPU memory that is kept between steps and a process of one thread for
each core, which average their gradients as `hiir train --devices` does. The profile says where the
rest of the time goes.

    python -m benchmarks.training [--batch 16] [--steps 20] [--compile] [--profile]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, distributed, nn

from benchmarks.textbook import textbook_model
from hiir.models.presets import build_model
from hiir.training.memory import keep_freed_memory

_PRESET = "ushape-compact-color"
_PATCH = 64


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument(
        "--compile", action="store_true", help="takes minutes before the first step"
    )
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = (
        torch.cuda.get_device_name()
        if device.type == "cuda"
        else f"{torch.get_num_threads()} threads"
    )
    print(f"{_PRESET}, {options.batch} patches of {_PATCH} x {_PATCH}, {device.type}: {name}")

    def rate(*, textbook: bool, bf16: bool, fused: bool, compiled: bool, reads: bool) -> float:
        step = prepare(
            device,
            batch=options.batch,
            textbook=textbook,
            bf16=bf16,
            fused=fused,
            compiled=compiled,
            reads=reads,
        )
        return options.batch / seconds_per_call(step, device, calls=options.steps)

    torch.set_float32_matmul_precision("highest")
    first = rate(textbook=True, bf16=False, fused=False, compiled=False, reads=True)
    report("a straightforward first version", first, first)
    torch.set_float32_matmul_precision("high")
    variants = {
        "our layers": {"bf16": False, "fused": False, "compiled": False},
        "and bfloat16": {"bf16": True, "fused": False, "compiled": False},
        "and the fused optimizer, nothing read": {"bf16": True, "fused": True, "compiled": False},
    }
    if options.compile:
        variants["and the compiled network"] = {"bf16": True, "fused": True, "compiled": True}
    for title, switches in variants.items():
        report(title, rate(textbook=False, reads=not switches["fused"], **switches), first)
    if device.type == "cpu":
        keep_freed_memory()
        kept = rate(textbook=False, bf16=True, fused=True, compiled=False, reads=False)
        report("and memory that is kept", kept, first)
        processes = os.cpu_count() or 1
        together = rate_together(processes, batch=options.batch, calls=options.steps)
        report(f"not compiled, {processes} processes of one thread", together, first)
    if options.profile:
        step = prepare(
            device,
            batch=options.batch,
            textbook=False,
            bf16=True,
            fused=True,
            compiled=False,
            reads=False,
        )
        step()
        print(profile(step))


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
    step = prepare(
        cpu, batch=batch, textbook=False, bf16=True, fused=True, compiled=False, reads=False
    )
    seconds = seconds_per_call(step, cpu, calls=calls)
    (Path(folder) / f"seconds-{rank}").write_text(str(seconds))
    distributed.barrier()
    del step
    distributed.destroy_process_group()


def prepare(
    device: torch.device,
    *,
    batch: int,
    textbook: bool,
    bf16: bool,
    fused: bool,
    compiled: bool,
    reads: bool,
) -> Callable[[], None]:
    """One step of training on patches that lie ready, as a function without arguments."""
    torch.manual_seed(0)
    model = build_model(_PRESET)
    model = (textbook_model(model) if textbook else model).to(device).train()
    network: nn.Module = torch.compile(model) if compiled else model  # type: ignore[assignment]
    if distributed.is_initialized():
        network = nn.parallel.DistributedDataParallel(network)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=fused, foreach=False)
    clean = torch.rand(batch, 3, _PATCH, _PATCH, device=device)
    noisy = clean + 0.1 * torch.randn_like(clean)

    def step() -> None:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
            restored = network(noisy)
        loss: Tensor = nn.functional.l1_loss(restored.float(), clean)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if reads:
            loss.item()

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


def report(title: str, rate: float, first: float) -> None:
    print(f"{title:40} {rate:9.1f} patches/s {rate / first:6.2f} x", flush=True)


if __name__ == "__main__":
    main()
