"""Whether tiles show, and which overlap is the smallest at which they do not.

    python -m benchmarks.acceptance.seams [MODEL ...] [--search] [--overlaps 8 16 24 32 48 64]

For every model of `hiir/zoo` and three pictures (a gradient, noise, and a photo degraded as the
model's experiment is validated), two by two tiles against the picture in one piece:

- how much larger the step is where tiles meet than anywhere else, in levels of 255: 1 at most;
- the PSNR of one against the other, and their largest difference in levels of 255.

Without more it measures the overlap that each model ships with. With `--search` it goes through the
overlaps and names the smallest one that holds on all three: for `release.overlap` of the
experiment, or `hiir release --overlap`.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from skimage import data

from hiir.evaluation.protocols import protocol_for
from hiir.evaluation.seeded_degradation import degradation_of
from hiir.evaluation.test_sets import SyntheticSet
from hiir.evaluation.tiling_artifacts import MAX_SEAM, first_photo, measure_tiling, tiling_pictures
from hiir.imaging import FloatPixels
from hiir.models.release import Release, list_releases, load_release
from hiir.training.experiments import load_config

OVERLAPS = (8, 16, 24, 32, 48, 64)


def degraded_photo(release: Release, folder: Path) -> FloatPixels:
    contract = release.contract
    recipe = load_config(contract.name).validation[0].degradation
    samples = SyntheticSet(folder=folder, degradation=degradation_of(recipe, seed=0))
    protocol = protocol_for(contract)
    return first_photo(samples, protocol.color)


def measure(release: Release, pictures: dict[str, FloatPixels], overlap: int) -> bool:
    """Print a row for an overlap; whether it holds."""
    figures = measure_tiling(release, pictures, overlap=overlap)
    holds = all(found.seam <= MAX_SEAM for found in figures.values())
    cells = (
        f"{found.seam:+.2f}, {found.agreement:.1f} dB, {found.difference:.1f}"
        for found in figures.values()
    )
    print(f"| {overlap} | {' | '.join(cells)} | {'holds' if holds else 'NO'} |", flush=True)
    return holds


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", help="names in hiir/zoo; all of them if none")
    parser.add_argument("--set", type=Path, help="folder with the photo; scikit-image's if none")
    parser.add_argument("--search", action="store_true", help="the smallest overlap that holds")
    parser.add_argument("--overlaps", type=int, nargs="+", default=OVERLAPS, help="to search")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    good = True
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.set or Path(scratch)
        if options.set is None:
            Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
        for name in options.models or list_releases():
            release = load_release(name)
            contract = release.contract
            pictures = tiling_pictures(contract, degraded_photo(release, folder))
            print(f"\n{name}, tiles of {contract.tile}, ships with {contract.overlap}\n")
            print(f"| overlap | {' | '.join(pictures)} | |\n|{'---|' * (len(pictures) + 2)}")
            overlaps = sorted(set(options.overlaps)) if options.search else [contract.overlap]
            held = [overlap for overlap in overlaps if measure(release, pictures, overlap)]
            if options.search:
                print(f"\nsmallest that holds: {min(held, default='none')}")
            good = good and bool(held)
    if not good:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
