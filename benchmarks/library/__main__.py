"""Speed of the networks against a textbook, against their peers, and across runtimes.

    make bench
    python -m benchmarks.library --quick --only layer runtimes

Prints medians and ratios; each ratio above 1 is in our favor. Calls that are compared take turns.
"""

import argparse
import math
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, nn

from benchmarks.library import gpu
from benchmarks.library.peers import ShiftedWindowBlock, TransposedBlock, count, with_parameters
from benchmarks.library.textbook import TextbookLayer, textbook_model
from benchmarks.library.timing import medians
from hiir.evaluation.openvino_tiles import OpenVinoTiles, has_bfloat16
from hiir.export.artifacts import untrained_release
from hiir.export.onnx import export_onnx
from hiir.export.triton import SERVED
from hiir.export.triton_config import Target
from hiir.layers.attention import WindowAttention
from hiir.layers.hierarchical import HierarchicalLayer
from hiir.layers.layer_config import LayerConfig
from hiir.models.presets import PRESETS, build_model
from hiir.models.release import Release
from hiir.training.malloc import keep_freed_memory

_BASE = LayerConfig(channels=180, heads=6, local_window=16, dispersed_window=16, region=64)
_COMPACT = tuple(name for name in PRESETS if "-compact-" in name)
_DENOISER = "ushape-compact-color"


def layer(*, quick: bool) -> Iterator[str]:
    """(a) One Base layer, and the whole of Base x4, against the textbook."""
    plain = HierarchicalLayer(_BASE).eval()
    textbook, ours = TextbookLayer(deepcopy(plain)).eval(), _frozen(plain)
    for side in (64,) if quick else (64, 128):
        tokens = torch.rand(1, side, side, _BASE.channels)
        _agree(ours(tokens), textbook(tokens))
        seconds = medians(
            {"ours": lambda x=tokens: ours(x), "textbook": lambda x=tokens: textbook(x)},
            repeat=3 if quick else 15,
        )
        yield _versus(f"Base layer, {side}x{side} tokens", seconds, "textbook")
    name, changes = "columnar-base-x4", {"layers": [1]} if quick else {}
    model = build_model(name, changes).eval()
    twin = textbook_model(deepcopy(model))
    model.fuse()
    image = torch.rand(1, 3, 64, 64)
    _agree(model(image), twin(image))
    seconds = medians(
        {"ours": lambda: model(image), "textbook": lambda: twin(image)}, repeat=1 if quick else 5
    )
    yield _versus(f"Base x4{' (1 layer)' if quick else ''}, 64x64 pixels", seconds, "textbook")


def peers(*, quick: bool) -> Iterator[str]:
    """(b) One Base layer against blocks of SwinIR's and Restormer's shape, equal parameters."""
    ours = _frozen(HierarchicalLayer(_BASE).eval())
    wanted, width, heads = count(ours), _BASE.channels, _BASE.heads
    swin = with_parameters(
        lambda hidden: ShiftedWindowBlock(channels=width, heads=heads, hidden=hidden), wanted
    ).eval()
    restormer = with_parameters(
        lambda hidden: TransposedBlock(channels=width, heads=heads, hidden=hidden), wanted
    ).eval()
    side = 32 * 2 if quick else 128
    tokens = torch.rand(1, side, side, width)
    plane = tokens.permute(0, 3, 1, 2).contiguous()
    seconds = medians(
        {
            "ours": lambda: ours(tokens),
            "SwinIR-shaped": lambda: swin(tokens),
            "Restormer-shaped": lambda: restormer(plane),
        },
        repeat=3 if quick else 15,
    )
    yield _line(
        "parameters",
        f"ours {wanted:,}, SwinIR-shaped {count(swin):,}, Restormer-shaped {count(restormer):,}",
    )
    for peer in ("SwinIR-shaped", "Restormer-shaped"):
        yield _versus(f"one layer, {side}x{side} tokens", seconds, peer)


def runtimes(*, quick: bool) -> Iterator[str]:
    """(c) The same network by eager torch, compiled, by ONNX Runtime, and by OpenVINO as served."""
    for name in (_DENOISER,) if quick else (_DENOISER, "columnar-compact-x2"):
        release = untrained_release(name)
        contract, model = release.contract, release.model
        tile = torch.rand(1, contract.input_channels, contract.tile, contract.tile)
        compiled = torch.compile(model, fullgraph=True)
        session, served = _session(release), _openvino(release)
        values = tile.numpy()
        eager = {"eager": lambda m=model, x=tile: m(x)}
        _agree(torch.from_numpy(session.run(None, {"input": values})[0]), model(tile))
        _agree(torch.from_numpy(served["OpenVINO"].submit(values).result()), model(tile))
        # In pairs, the compiler last: it brings threads of its own, which get in the others' way.
        others: dict[str, Callable[[], object]] = {
            "ONNX Runtime": lambda s=session, x=values: s.run(None, {"input": x}),
            **{
                runtime: lambda t=tiles, x=values: t.submit(x).result()
                for runtime, tiles in served.items()
            },
            "compiled": lambda c=compiled, x=tile: c(x),
        }
        for other, call in others.items():
            seconds = medians({**eager, other: call}, repeat=3 if quick else 15)
            ratio = seconds["eager"] / seconds[other]
            yield _line(
                f"{name}, {contract.tile}x{contract.tile}",
                f"eager {_ms(seconds['eager'])}, {other} {_ms(seconds[other])}, {ratio:.2f}x",
            )


def pixels(*, quick: bool) -> Iterator[str]:
    """(d) Cost of the whole image against its pixels, and the exponent of the fit."""
    keep_freed_memory()
    model = build_model(_DENOISER).eval().fuse()
    sizes = (0.0625, 0.25) if quick else (0.25, 1, 4, 16)
    points = []
    for megapixels in sizes:
        side = 64 * round(math.sqrt(megapixels * 1e6) / 64)
        image = torch.rand(1, 3, side, side)
        repeat = 3 if megapixels <= 1 else 1
        seconds = medians({"call": lambda x=image: model(x)}, repeat=repeat)["call"]
        points.append((side * side, seconds))
        yield _line(
            f"{_DENOISER}, {side}x{side}",
            f"{seconds:.2f} s, {seconds / (side * side / 1e6):.2f} s per megapixel",
        )
    log_pixels, log_seconds = np.log(np.array(points)).T
    exponent = np.polyfit(log_pixels, log_seconds, 1)[0]
    yield _line("exponent of cost against pixels", f"{exponent:.3f}")


def compact(*, quick: bool) -> Iterator[str]:
    """(e) Compact presets, seconds per megapixel that comes out, by three runtimes."""
    for name in _COMPACT[:1] if quick else _COMPACT:
        release = untrained_release(name)
        contract = release.contract
        tile = torch.rand(1, contract.input_channels, contract.tile, contract.tile)
        session, served = _session(release), _openvino(release)["OpenVINO"]
        values = tile.numpy()
        seconds = medians(
            {
                "torch": lambda m=release.model, x=tile: m(x),
                "ort": lambda s=session, x=values: s.run(None, {"input": x}),
                "openvino": lambda s=served, x=values: s.submit(x).result(),
            },
            repeat=2 if quick else 9,
        )
        megapixels = (contract.tile * contract.scale) ** 2 / 1e6
        yield _line(
            f"{name}, tiles of {contract.tile}",
            f"OpenVINO {seconds['openvino'] / megapixels:.2f} s, "
            f"ONNX Runtime {seconds['ort'] / megapixels:.2f} s, "
            f"torch {seconds['torch'] / megapixels:.2f} s per megapixel",
        )


SECTIONS = {
    "layer": layer,
    "peers": peers,
    "runtimes": runtimes,
    "compact": compact,
    "gpu": gpu.report,
    "pixels": pixels,  # the last: it changes how memory is kept
}


@torch.no_grad()
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes: that it runs, not how fast"
    )
    options = parser.parse_args(arguments)
    print(
        f"torch {torch.__version__}, ONNX Runtime {ort.__version__}, {platform.machine()}, "
        f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"load {os.getloadavg()[0]:.1f} at the start"
    )
    for name in options.only:
        section = SECTIONS[name]
        print(f"\n{(section.__doc__ or '').partition(chr(10))[0]}")
        for line in section(quick=options.quick):
            print(line, flush=True)


def _frozen(layer_: nn.Module) -> nn.Module:
    for module in layer_.modules():
        if isinstance(module, WindowAttention):
            module.fuse()
    return layer_


def _session(release: Release) -> ort.InferenceSession:
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_onnx(release.model, release.contract, path)
        return ort.InferenceSession(path, settings, providers=["CPUExecutionProvider"])


def _openvino(release: Release) -> dict[str, OpenVinoTiles]:
    """In float32, and in bfloat16 where the processor has it: as a CPU serves it."""
    precisions = {"OpenVINO": "fp32"}
    if has_bfloat16():
        precisions["OpenVINO bfloat16"] = "bf16"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_onnx(release.model, release.contract, path, form=SERVED[Target.CPU])
        return {
            name: OpenVinoTiles(path, precision=precision) for name, precision in precisions.items()
        }


def _agree(one: Tensor, other: Tensor) -> None:
    """What is compared must compute the same."""
    error = float((one - other).abs().max() / other.abs().max())
    if not error < 1e-4:
        raise ValueError(f"outputs differ by {error:.1e}, so that their times say nothing")


def _versus(what: str, seconds: dict[str, float], other: str) -> str:
    ratio = seconds[other] / seconds["ours"]
    return _line(what, f"ours {_ms(seconds['ours'])}, {other} {_ms(seconds[other])}, {ratio:.2f}x")


def _line(what: str, figures: str) -> str:
    return f"  {what:42} {figures}"


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms"


if __name__ == "__main__":
    main()
