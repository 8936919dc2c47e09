"""What the loss and the optimizer bring: the shipped denoiser trained on with each recipe.

All four start from the same weights and see the same patches in the same order: 400 steps of 16
patches of 64 x 64 pixels, with the learning rate constant and then falling over the last 40 %. It
prints the PSNR of validation photos, and the difference to AdamW with the L1 loss.

    python -m benchmarks.library.recipes --root photos [--runs runs/recipes] [--steps 400]
        [--only NAME ...] [--override KEY=VALUE ...]
"""

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from hiir.training.experiments import load_config
from hiir.training.loop import train
from hiir.training.run_folder import RunFolder

_L1, _PSNR = "loss={kind: l1}", "loss={kind: psnr, eps: 3.0e-4}"
RECIPES: Mapping[str, tuple[str, str]] = {
    "adamw-l1": ("optimizer.kind=adamw", _L1),
    "muon-l1": ("optimizer.kind=muon", _L1),
    "adamw-psnr": ("optimizer.kind=adamw", _PSNR),
    "muon-psnr": ("optimizer.kind=muon", _PSNR),
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", required=True, help="folder of the photos, as data.root")
    parser.add_argument("--runs", type=Path, default=Path("runs/recipes"))
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--only", nargs="*", default=list(RECIPES), choices=RECIPES)
    parser.add_argument("--override", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for name in options.only:
        config = load_config(
            "denoise-color",
            overrides=(
                "init=denoise-color",
                f"data.root={options.root}",
                "duration=null",
                f"phases=[{{until: {options.steps}, batch: 16, patch: 64}}]",
                "optimizer.lr=1.0e-3",
                f"schedule.warmup={options.steps // 10}",
                "schedule.decay_share=0.4",
                # An average over the few steps of the decay, not over the whole run.
                "ema=0.98",
                f"validate_every={options.steps}",
                f"checkpoint_every={options.steps}",
                *RECIPES[name],
                *options.override,
            ),
        )
        train(config, RunFolder(options.runs / name))
    found = {name: last_validation(options.runs / name) for name in RECIPES}
    report(found)


def last_validation(folder: Path) -> Mapping[str, float]:
    """PSNR in dB for each label of the validation, the latest of a run; empty without one."""
    lines = [json.loads(line) for line in RunFolder(folder).log_lines()]
    validations = [line["validation"] for line in lines if "validation" in line]
    return validations[-1] if validations else {}


def report(found: Mapping[str, Mapping[str, float]]) -> None:
    """Print the PSNR of each recipe and what it gains over the first one."""
    base = found["adamw-l1"]
    for name, psnr in found.items():
        figures = "  ".join(
            f"{label} {value:.3f} ({value - base[label]:+.3f})" if base else f"{label} {value:.3f}"
            for label, value in psnr.items()
        )
        print(f"{name:12} {figures or 'not run'}")


if __name__ == "__main__":
    main()
