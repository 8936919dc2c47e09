"""From a run to a shipped model: averaged weights, contract, provenance, measured quality."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from hiir.evaluation.benchmark import Noise, evaluate
from hiir.evaluation.engines import TiledRestorer, TorchTiles
from hiir.imaging import ModelContract
from hiir.models.presets import get_preset
from hiir.models.release import read_release, write_release
from hiir.training.run_folder import RunFolder

__all__ = ["release_run"]

_SEED = 0
# Half precision halves the file; measured figures are those of the rounded weights.
_DTYPE = torch.float16


def release_run(run: RunFolder, path: Path, *, test_sets: Sequence[Path]) -> ModelContract:
    """Write the run's averaged weights to ``path`` and measure them on ``test_sets``.

    Noise is not clipped and drawn with seed 0, at the levels that training was validated at.

    Raises:
        FileNotFoundError: for a run without a checkpoint.
        DatasetError: for a test set that is empty or cannot be read.
    """
    config, checkpoint = run.config(), run.load()
    if checkpoint is None:
        raise FileNotFoundError(f"{run.path} has no checkpoint")
    preset = get_preset(config.preset)
    contract = ModelContract(
        name=config.name,
        task=config.release.task,
        version=config.release.version,
        architecture=config.preset,
        scale=1,
        input_channels=preset.in_channels,
        output_channels=preset.out_channels,
        tile=config.release.tile,
        overlap=config.release.overlap,
        size_multiple=preset.size_multiple,
        sha256="0" * 64,  # of the file that is about to be written
        provenance={
            **config.release.provenance,
            "seed": str(config.seed),
            "steps": str(checkpoint.step),
            **{f"run-{key}": value for key, value in run.environment().items()},
        },
        quality={},
    )
    weights = dict(checkpoint.average)
    write_release(path, weights=weights, contract=contract, dtype=_DTYPE)
    release = read_release(path)
    restorer = TiledRestorer(contract=contract, engine=TorchTiles(release))
    quality = {
        f"{folder.name.lower()}-sigma{sigma:g}-psnr": round(
            evaluate(restorer, folder, Noise(sigma=sigma, seed=_SEED)).psnr, 2
        )
        for folder in test_sets
        for sigma in config.validation_sigmas
    }
    write_release(path, weights=weights, contract=replace(contract, quality=quality), dtype=_DTYPE)
    return read_release(path).contract
