"""The same figures through the running service as through ONNX Runtime: for every shipped model.

`python -m benchmarks.acceptance.parity --set photos/CBSD68 [--images 4] [--model NAME ...]`
degrades images as
the model's own validation does, rounds them to 8 bits as files are, restores each through HTTP and
directly, by the same tiles, and prints both PSNRs. It fails where they differ by more than 0.05 dB.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hiir.datasets.packed_images import list_images
from hiir.degradations.recipe import Recipe
from hiir.degradations.steps import File
from hiir.evaluation.evaluate import evaluate
from hiir.evaluation.onnx_tiles import OnnxTiles
from hiir.evaluation.protocols import protocol_for
from hiir.evaluation.restorer import TiledRestorer
from hiir.evaluation.seeded_degradation import degradation_of
from hiir.evaluation.service_restorer import ServiceRestorer
from hiir.evaluation.test_sets import SyntheticSet
from hiir.imaging import BayerPattern
from hiir.models.release import list_releases, load_release
from hiir.training.experiments import load_config

MOST_DB = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", type=Path, required=True, metavar="DIR", help="clean images")
    parser.add_argument("--images", type=int, default=4, help="how many of them, from the first")
    parser.add_argument("--model", action="append", help="all shipped models unless named")
    parser.add_argument("--repository", type=Path, default=Path("model_repository"))
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="of the running service")
    options = parser.parse_args(arguments)
    print("| model | setting | images | ONNX Runtime | service | difference |")
    print("|---|---|---|---|---|---|")
    worst = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        for image in list_images(options.set)[: options.images]:
            shutil.copy(image, scratch)
        for name in options.model or list_releases():
            worst = max(worst, compare(name, Path(scratch), options.repository, options.url))
    print(f"\nlargest difference {worst:.4f} dB, at most {MOST_DB} dB allowed")
    return 0 if worst <= MOST_DB else 1


def compare(name: str, folder: Path, repository: Path, url: str) -> float:
    """Print a line for each setting of the model; the largest difference in dB."""
    contract = load_release(name).contract
    protocol = protocol_for(contract)
    pattern = BayerPattern.RGGB if contract.task == "demosaic" else None
    direct = TiledRestorer(
        contract=contract, engine=OnnxTiles(repository / name / "1" / "model.onnx")
    )
    service = ServiceRestorer(url=url, task=name, pattern=pattern)
    worst = 0.0
    for item in load_config(contract.task).validation:
        # A mosaic has 8 bits before it is demosaicked; everything else is a file as it is.
        steps = item.degradation if pattern else Recipe(root=(*item.degradation.root, File()))
        samples = SyntheticSet(folder=folder, degradation=degradation_of(steps, seed=0))
        figures = [evaluate(restorer, samples, protocol).psnr for restorer in (direct, service)]
        difference = abs(figures[0] - figures[1])
        worst = max(worst, difference)
        count = len(list_images(folder))
        print(
            f"| {name} | {item.label} | {count} | {figures[0]:.3f} | {figures[1]:.3f} | "
            f"{difference:.4f} |",
            flush=True,
        )
    return worst


if __name__ == "__main__":
    sys.exit(main())
