"""The GPU column: half precision, batches, images a second, memory, runtimes, share of the peak."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.library.gpu_runtimes import SERVED_MODEL, compare, write_bundle
from benchmarks.library.timing import medians
from hiir.models.flops import measure_cost
from hiir.models.presets import build_model, get_preset

_PRESETS = (("ushape-compact-color", 256), ("ushape-color", 256), ("columnar-base-x4", 64))
_BATCHES = (1, 2, 4, 8, 16, 32)
_PROBE = 8192


def report(*, quick: bool) -> Iterator[str]:
    """GPU: bfloat16 by batch, the share of the card's measured peak, and the runtimes.

    The peak is that of a large bfloat16 matrix product on the same card, measured beside: data
    sheets count what no program reaches.
    """
    if not torch.cuda.is_available():
        yield "  no GPU here"
        return
    yield f"  {torch.cuda.get_device_name()}"
    probe = torch.rand(_PROBE, _PROBE, device="cuda", dtype=torch.bfloat16)
    peak = 2 * _PROBE**3 / medians({"call": lambda: probe @ probe}, repeat=10)["call"]
    yield f"  {'matrix product, bfloat16':42} {peak / 1e12:.0f} TFLOP/s"
    for name, side in _PRESETS[:1] if quick else _PRESETS:
        macs = measure_cost(get_preset(name), height=side, width=side).macs
        model = build_model(name).eval().fuse().cuda().bfloat16()
        compiled = torch.compile(model, fullgraph=True)
        for batch in _BATCHES[:1] if quick else _BATCHES:
            tiles = torch.rand(batch, 3, side, side, device="cuda", dtype=torch.bfloat16)
            torch.cuda.reset_peak_memory_stats()
            seconds = medians(
                {
                    "eager": lambda m=model, x=tiles: m(x),
                    "compiled": lambda c=compiled, x=tiles: c(x),
                },
                repeat=10,
            )
            memory = torch.cuda.max_memory_allocated() / 2**20
            best = min(seconds.values())
            yield (
                f"  {f'{name}, {side}x{side}, batch {batch}':42} "
                f"eager {batch / seconds['eager']:.1f}, compiled {batch / seconds['compiled']:.1f} "
                f"images/s, {memory:.0f} MiB, {2 * macs * batch / best / peak:.1%} of the peak"
            )
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(Path(folder), SERVED_MODEL)
        yield from compare(Path(folder))
