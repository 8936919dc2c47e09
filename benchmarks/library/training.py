"""How fast this machine trains: steps of every preset, and the feed that they wait for.

A step runs on a batch that lies ready; on a GPU in every mode, with its memory and the share of the
card's measured peak. The feed degrades tiles of 512 x 512 pixels as the shipped configurations do,
on one core. Then both together: a short run of the denoiser says which share of the time it waits.

    python -m benchmarks.library.training [--seconds 3] [--only PRESET ...] [--json FILE]
"""

import argparse
import json
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from skimage.data import astronaut

from hiir.datasets.clean_images import CleanImages
from hiir.datasets.degraded_tiles import TileSource
from hiir.models.columnar import ColumnarConfig
from hiir.models.presets import PRESETS, get_preset
from hiir.training.experiments import load_config
from hiir.training.loop import train
from hiir.training.run_folder import RunFolder
from hiir.training.throughput import MODES, measure_step, peak_tflops

# What trains in minutes or days; the paper's own presets take a cluster.
TRAINED = (
    "ushape-compact-color",
    "ushape-compact-h-color",
    "ushape-compact-deep-color",
    "ushape-lean32-color",
    "ushape-lean48-color",
    "ushape-mid48-color",
    "ushape-mid64-color",
    "columnar-compact-x4",
    "columnar-light-x4",
)
FED = (
    *("jpeg-color", "sr-x4", "demosaic", "deblur-motion"),
    *("deblur-defocus", "deblur-defocus-dp", "weather", "denoise-color"),
)
_TILE = 512


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="for each figure")
    parser.add_argument("--only", nargs="*", choices=sorted(PRESETS), default=TRAINED)
    parser.add_argument("--feed", nargs="*", default=FED, help="configurations to feed")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_float32_matmul_precision("high")
    figures: list[dict[str, object]] = []
    for line in chain(
        steps(options.only, device=device, seconds=options.seconds),
        feeds(options.feed, seconds=options.seconds),
        together(device, seconds=5 * options.seconds),
    ):
        figures.append(line)
        print("  ".join(f"{key} {_short(value)}" for key, value in line.items()), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def steps(
    presets: Sequence[str], *, device: torch.device, seconds: float
) -> Iterator[dict[str, object]]:
    """Training steps of presets, with the share of what one large product reaches."""
    peak = peak_tflops(device, seconds=min(seconds, 1.0))
    yield {"device": device.type, "threads": torch.get_num_threads(), "peak TFLOP/s": peak}
    for preset in presets:
        columnar = isinstance(get_preset(preset), ColumnarConfig)
        patch = 128 if columnar else 64
        batch = (512 if device.type == "cuda" else 16) // (4 if columnar else 1)
        for mode in MODES if device.type == "cuda" else ("eager",):
            found = measure_step(
                preset, mode, batch=batch, device=device, seconds=seconds, patch=patch
            )
            yield {
                "preset": preset,
                "mode": mode,
                "patch": patch,
                "batch": batch,
                "patches/s": found.patches_per_second,
                "of the peak": found.tflops / peak,
                "MiB": found.memory_mib,
                **({"error": found.error} if found.error else {}),
            }


def feeds(configs: Sequence[str], *, seconds: float) -> Iterator[dict[str, object]]:
    """Tiles a second of one core, and the patches that they hold."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    photo = np.asarray(Image.fromarray(astronaut()).resize((_TILE, _TILE)))
    for name in configs:
        config = load_config(name)
        images = CleanImages(
            [photo], color=config.data.color, synthetic_share=config.data.synthetic_share
        )
        source = TileSource(
            images,
            config.data.degradation,
            side=_TILE,
            seed=0,
            noise_level_map=config.data.noise_level_map,
        )
        source.draw(0)
        times = []
        began = time.perf_counter()
        while time.perf_counter() - began < seconds or len(times) < 5:
            started = time.perf_counter()
            source.draw(len(times) + 1)
            times.append(time.perf_counter() - started)
        mean = sum(times) / len(times)
        yield {
            "feed": name,
            "tiles/s and core": 1 / mean,
            "median ms": 1000 * median(times),
            "64 x 64 patches/s and core": (source.inner // 64) ** 2 / mean,
        }
    torch.set_num_threads(threads)


def together(device: torch.device, *, seconds: float) -> Iterator[dict[str, object]]:
    """A run of the denoiser: rate, and share of the time that it waits for data."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for name in ("train", "validation"):
            (root / name).mkdir()
            Image.fromarray(astronaut()).save(root / name / "0.png")
        config = load_config(
            "denoise-color",
            profile="gpu" if device.type == "cuda" else None,
            overrides=(
                f"duration={seconds}",
                f"data.root={root}",
                "data.train=[train]",
                "data.validation=validation",
                f"data.cache={root / 'cache'}",
                "data.loader=tiles",
                "data.synthetic_share=0",
                "validation_images=1",
                "log_every=1",
            ),
        )
        run = RunFolder(root / "run")
        train(config, run, accelerator=device.type)
        lines = [line for line in map(json.loads, run.log_lines()) if "waiting" in line]
    logging.disable(logging.NOTSET)
    yield {
        "run": config.name,
        "patches/s": median(line["images_per_second"] for line in lines),
        "waits for data": median(line["waiting"] for line in lines),
        "uses of a pixel": lines[-1]["reuse"],
    }


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
