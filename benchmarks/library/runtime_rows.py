"""One row of `benchmarks.library.gpu_runtimes`: one runtime, measured in a process of its own.

Needs torch, the source of this project and, for the rows of ONNX Runtime, onnxruntime or
onnxruntime-gpu. A bundle is a folder with ``bundle.json``, ``model.onnx`` and ``model.fp16.onnx``
(any batch, one tile size) and ``tensors.pt``: the weights, tiles `(8, C, tile, tile)` float32
[0, 1] and their float32 result.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hiir.models.presets import build_model

Run = Callable[[Tensor], Tensor]
"""Tiles on the host to results on the host, as a server computes them."""

BATCHES = (1, 4, 8)
WORKSPACE = 1 << 30
_SECONDS = 2.0
_ROUNDS = 20


class RowUnavailableError(Exception):
    """This machine cannot measure the row; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What is measured."""

    folder: Path
    preset: str
    weights: dict[str, Tensor]
    tiles: Tensor
    expected: Tensor

    @classmethod
    def read(cls, folder: Path) -> "Bundle":
        described = json.loads((folder / "bundle.json").read_text())
        tensors = torch.load(folder / "tensors.pt", weights_only=True)
        return cls(folder=folder, preset=described["preset"], **tensors)


def torch_run(bundle: Bundle, *, device: str, dtype: str, compiled: bool = False) -> Run:
    """The module with fused attention (`scaled_dot_product_attention`)."""
    model = build_model(bundle.preset)
    model.load_state_dict(bundle.weights)
    precision: torch.dtype = getattr(torch, dtype)
    model = model.eval().fuse().to(device, precision)
    call: Callable[[Tensor], Tensor] = torch.compile(model, fullgraph=True) if compiled else model
    return lambda tiles: call(tiles.to(device, precision)).float().cpu()


def onnx_run(bundle: Bundle, *, graph: str, provider: str, cache: Path | None = None) -> Run:
    """ONNX Runtime with one provider; only what it does not support runs elsewhere."""
    try:
        import onnxruntime as ort  # noqa: PLC0415 - absent on some machines
    except ImportError as error:
        raise RowUnavailableError(f"onnxruntime is not installed ({error})") from error
    if provider not in ort.get_available_providers():
        known = ", ".join(ort.get_available_providers())
        raise RowUnavailableError(f"this build of onnxruntime has {known} only")
    if provider != "CPUExecutionProvider" and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()  # CUDA and cuDNN, as torch's wheels bring them
    settings = ort.SessionOptions()
    if provider == "CPUExecutionProvider":
        settings.intra_op_num_threads = torch.get_num_threads()
    options = tensorrt_options(bundle, cache) if provider.startswith("Tensorrt") else {}
    providers: list[Any] = [(provider, options)]
    if provider.startswith("Tensorrt"):
        providers.append("CUDAExecutionProvider")
    session = ort.InferenceSession(bundle.folder / graph, settings, providers=providers)
    if session.get_providers()[0] != provider:
        # ONNX Runtime goes on with the next provider if a library is missing.
        raise RowUnavailableError(
            f"it could not be loaded; the session has {session.get_providers()}"
        )

    def run(tiles: Tensor) -> Tensor:
        (result,) = session.run(None, {"input": tiles.numpy()})
        return torch.from_numpy(result)

    return run


def tensorrt_options(bundle: Bundle, cache: Path | None) -> dict[str, str]:
    """What `hiir export --target gpu` configures, by ONNX Runtime's own names."""
    sides = "x".join(map(str, bundle.tiles.shape[1:]))
    return {
        "trt_fp16_enable": "true",
        "trt_layer_norm_fp32_fallback": "true",
        "trt_max_workspace_size": str(WORKSPACE),
        "trt_engine_cache_enable": str(cache is not None).lower(),
        "trt_engine_cache_path": str(cache or ""),
        "trt_timing_cache_enable": str(cache is not None).lower(),
        "trt_timing_cache_path": str(cache or ""),
        "trt_profile_min_shapes": f"input:1x{sides}",
        "trt_profile_opt_shapes": f"input:4x{sides}",
        "trt_profile_max_shapes": f"input:8x{sides}",
    }


_HALF, _FULL = "model.fp16.onnx", "model.onnx"
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
ROWS: dict[str, dict[str, Callable[[Bundle], Run]]] = {
    "cuda": {
        "torch, float32": lambda b: torch_run(b, device="cuda", dtype="float32"),
        "torch, float16": lambda b: torch_run(b, device="cuda", dtype="float16"),
        "torch, bfloat16": lambda b: torch_run(b, device="cuda", dtype="bfloat16"),
        "torch compiled, float16": lambda b: torch_run(
            b, device="cuda", dtype="float16", compiled=True
        ),
        "ONNX Runtime CUDA, float32": lambda b: onnx_run(b, graph=_FULL, provider=_CUDA),
        "ONNX Runtime CUDA, float16": lambda b: onnx_run(b, graph=_HALF, provider=_CUDA),
        "ONNX Runtime TensorRT, float16": lambda b: onnx_run(
            b, graph=_HALF, provider="TensorrtExecutionProvider"
        ),
    },
    "cpu": {
        "torch, float32": lambda b: torch_run(b, device="cpu", dtype="float32"),
        "torch, bfloat16": lambda b: torch_run(b, device="cpu", dtype="bfloat16"),
        "torch compiled, float32": lambda b: torch_run(
            b, device="cpu", dtype="float32", compiled=True
        ),
        "ONNX Runtime CPU, float32": lambda b: onnx_run(b, graph=_FULL, provider=_CPU),
        "ONNX Runtime CPU, float16 weights": lambda b: onnx_run(b, graph=_HALF, provider=_CPU),
        "ONNX Runtime CUDA, float16": lambda b: onnx_run(b, graph=_HALF, provider=_CUDA),
    },
}


@torch.inference_mode()
def measure(
    bundle: Bundle, run: Run, *, batches: tuple[int, ...], seconds: float
) -> dict[str, Any]:
    """Return dB to float32, milliseconds per tile by batch, and MiB of the device.

    The first call of each batch is not timed: it compiles, or builds an engine.
    """
    free = _free_bytes()
    milliseconds, worst, least = {}, math.inf, free
    for batch in batches:
        tiles = bundle.tiles[:batch]
        worst = min(worst, psnr(run(tiles), bundle.expected[:batch]))
        times: list[float] = []
        while not times or (len(times) < _ROUNDS and sum(times) < seconds):
            started = time.perf_counter()
            run(tiles)
            times.append(time.perf_counter() - started)
        milliseconds[batch] = 1e3 * statistics.median(times) / batch
        least = min(least, _free_bytes())
    memory = (_total_bytes() - least) / 2**20 if free else None
    return {"decibels": worst, "milliseconds": milliseconds, "mebibytes": memory}


def psnr(result: Tensor, expected: Tensor) -> float:
    """PSNR in dB with the largest expected value as its peak; -inf unless finite."""
    if result.shape != expected.shape or not bool(result.isfinite().all()):
        return -math.inf
    error = (result.double() - expected.double()).square().mean().sqrt().item()
    return math.inf if error == 0 else 20 * math.log10(expected.abs().max().item() / error)


def _free_bytes() -> int:
    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else 0


def _total_bytes() -> int:
    return torch.cuda.mem_get_info()[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("row")
    parser.add_argument("--device", choices=ROWS, required=True)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--seconds", type=float, default=_SECONDS)
    options = parser.parse_args()
    try:
        bundle = Bundle.read(options.bundle)
        with torch.inference_mode():
            run = ROWS[options.device][options.row](bundle)
        found = measure(bundle, run, batches=tuple(options.batches), seconds=options.seconds)
    except RowUnavailableError as error:
        found = {"reason": str(error)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
