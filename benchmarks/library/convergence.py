"""The paper's convergence experiment (Figure 9, Tables 4 and 5) in small.

A compact network for super-resolution, the same scaled up with heavy convolutions (conv1) without
and with warm-up, with the bottleneck (conv3) and warm-up, and that with cosine similarity instead
of the dot product. Each is a run like any other: stopped by `--seconds`, it goes on with the same
call.

    python -m benchmarks.library.convergence --runs runs/convergence --root data [--plot FILE]
        [--steps 3000] [--seconds 540] [--only NAME ...]
"""

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from hiir.training.config import TrainingConfig
from hiir.training.experiments import load_config
from hiir.training.loop import train
from hiir.training.run_folder import RunFolder

_SMALL = {"layers": [2, 2]}
_LARGE = {"layers": [6, 6, 6, 6]}

VARIANTS: Mapping[str, tuple[str, dict[str, Any], bool]] = {
    "small": ("small, conv1", {**_SMALL, "stage_convolution": "conv1"}, False),
    "conv1": ("large, conv1", {**_LARGE, "stage_convolution": "conv1"}, False),
    "conv1-warm": ("large, conv1, warm-up", {**_LARGE, "stage_convolution": "conv1"}, True),
    "conv3-warm": ("large, conv3, warm-up", {**_LARGE, "stage_convolution": "conv3"}, True),
    "cosine": (
        "large, conv3, warm-up, cosine",
        {**_LARGE, "stage_convolution": "conv3", "similarity": "cosine"},
        True,
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/convergence"))
    parser.add_argument("--root", default="data", help="of the images")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seconds", type=float, help="for each variant, in this call")
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--override", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--plot", type=Path, help="also draw the curves into this file")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for name in options.only:
        config = configure(name, options.root, options.steps, tuple(options.override))
        train(config, RunFolder(options.runs / name), seconds=options.seconds)
    curves = {name: read_curve(options.runs / name) for name in VARIANTS}
    for name, curve in curves.items():
        last = f"{curve[-1][1]:.3f} dB at step {curve[-1][0]}" if curve else "not run"
        print(f"{VARIANTS[name][0]:32} {last}")
    if options.plot:
        plot(curves, options.plot)


def configure(name: str, root: str, steps: int, overrides: tuple[str, ...] = ()) -> TrainingConfig:
    """A variant's run: all but the network and the warm-up is the same."""
    _, model, warm = VARIANTS[name]
    return load_config(
        "sr-x2",
        overrides=(
            f"model={json.dumps(model)}",
            f"data.root={root}",
            f"phases=[{{until: {steps}, batch: 16, patch: 64}}]",
            # High, so that what cannot bear it shows; constant, so that curves can be compared.
            "optimizer.lr=1.0e-3",
            f"schedule.warmup={steps // 10 if warm else 0}",
            "schedule.decay_share=0",
            f"validate_every={max(steps // 30, 1)}",
            f"checkpoint_every={max(steps // 30, 1)}",
            f"log_every={max(steps // 30, 1)}",
            *overrides,
        ),
    )


def read_curve(folder: Path) -> list[tuple[int, float]]:
    """Steps and validation PSNR of a run so far."""
    log = folder / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    # A run that went on from a checkpoint may have written a step twice.
    found = {line["step"]: line["validation"]["x2"] for line in lines if "validation" in line}
    return sorted(found.items())


def plot(curves: Mapping[str, list[tuple[int, float]]], path: Path) -> None:
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="validation PSNR on luma, dB")
    for name, curve in curves.items():
        if curve:
            axes.plot(*zip(*curve, strict=True), label=VARIANTS[name][0])
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path)


if __name__ == "__main__":
    main()
