"""Release of a run as a shipped model: averaged weights, contract, provenance, measured quality."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from hiir.degradations.recipe import Recipe
from hiir.evaluation.baselines import build_baseline
from hiir.evaluation.evaluate import Evaluation, evaluate
from hiir.evaluation.protocols import protocol_for
from hiir.evaluation.release_gate import ColorShift, drawing_figures, gate_failures
from hiir.evaluation.restorer import Restorer, TiledRestorer
from hiir.evaluation.seeded_degradation import degradation_of
from hiir.evaluation.test_sets import PairedSet, SampleSet, SyntheticSet
from hiir.evaluation.tiling_artifacts import (
    first_photo,
    measure_tiling,
    tiling_pictures,
    to_quality,
)
from hiir.evaluation.torch_tiles import TorchTiles
from hiir.export.bfloat16 import MAX_BFLOAT16_LOSS, bfloat16_losses
from hiir.imaging import FloatPixels, ModelContract, Uint8Pixels
from hiir.models.release import ReleaseError, read_release, write_release
from hiir.training.config import ConfigError
from hiir.training.run_folder import RunFolder
from hiir.training.trained_model import contract_of, state_of

__all__ = ["release_run"]

_SEED = 0
# Half precision halves the file; measured figures are those of the rounded weights.
_DTYPE = torch.float16
_CLEAN = Recipe.model_validate([{"kind": "file"}])


def release_run(
    run: RunFolder,
    path: Path,
    *,
    test_sets: Sequence[Path],
    test_pairs: Sequence[Path] = (),
    overlap: int | None = None,
    best: bool = False,
    below_gate: bool = False,
) -> ModelContract:
    """Write the run's averaged weights to ``path`` and measure them.

    The model is served in bfloat16, on CPUs that support it, if that costs less than
    `MAX_BFLOAT16_LOSS` on each set (``bf16-loss`` is the largest loss).

    Clean sets are degraded as in the run's validation, with seed 0; pairs are used unchanged. The
    contract also has the figures of the degraded input, the model's effect on clean photos (if its
    input has the size of its output), its time on one CPU core, and the effect of tiling on a
    gradient, on noise and on the first photo of the first set. ``overlap`` replaces the
    configuration's overlap of tiles. With ``best`` the averaged weights of the best validation are
    released instead of the last ones.

    Raises:
        ReleaseError: if the run has no checkpoint, or if the weights change clean photos, drawings
            or flat colors by more than `hiir.evaluation.release_gate.GATE` allows, unless
            ``below_gate``. Nothing is written then.
        ConfigError: if the run changed its preset, so that no preset builds its network.
        DatasetError: if a test set is empty or cannot be read.
    """
    config, checkpoint = state_of(run, best=best)
    if config.model:
        raise ConfigError(f"{run.path} trained {config.preset} with changes {config.model}")
    values: dict[str, object] = {} if overlap is None else {"overlap": overlap}
    contract = contract_of(
        config,
        provenance={
            **config.release.provenance,
            "seed": str(config.seed),
            "steps": str(checkpoint.step),
            **{f"run-{key}": value for key, value in run.environment().items()},
        },
        **values,
    )
    weights = dict(checkpoint.average)
    # What stands at `path` is replaced when all is measured: one that ends early changes nothing.
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch) / path.name
        write_release(draft, weights=weights, contract=contract, dtype=_DTYPE)
        release = read_release(draft)
    tiled = TiledRestorer(contract=contract, engine=TorchTiles(release))
    restorer = _Timed(tiled)
    sets: dict[str, SampleSet] = {
        f"{folder.name.lower()}-{item.label}": SyntheticSet(
            folder=folder, degradation=degradation_of(item.degradation, seed=_SEED)
        )
        for folder in test_sets
        for item in config.validation
    }
    sets |= {folder.name.lower(): PairedSet(folder=folder) for folder in test_pairs}
    quality: dict[str, float] = {}
    for name, samples in sets.items():
        quality |= _figures(name, _measure(restorer, samples, contract))
        baseline = "bicubic" if contract.scale > 1 else "input"
        before = _measure(build_baseline(baseline, scale=contract.scale), samples, contract)
        quality[f"{name}-{baseline}-psnr"] = round(before.psnr, 2)
    if contract.scale == 1 and contract.image_channels == contract.output_channels:
        for folder in test_sets:
            clean = SyntheticSet(folder=folder, degradation=degradation_of(_CLEAN, seed=_SEED))
            shift = ColorShift(restorer)
            after = _measure(shift, clean, contract)
            worst = min(image.psnr for image in after.images)
            name = f"{folder.name.lower()}-clean"
            quality[f"{name}-psnr"] = round(after.psnr, 2)
            quality[f"{name}-worst-psnr"] = round(worst, 2)
            quality[f"{name}-color-shift"] = round(shift.largest, 2)
    if restorer.megapixels:
        quality["cpu-seconds-per-megapixel"] = round(restorer.seconds / restorer.megapixels, 1)
    photo = next((first_photo(item, protocol_for(contract).color) for item in sets.values()), None)
    quality |= to_quality(measure_tiling(release, tiling_pictures(contract, photo)))
    quality |= drawing_figures(tiled, contract)
    losses = bfloat16_losses(release, sets, quality)
    if losses and max(losses.values()) < MAX_BFLOAT16_LOSS:
        contract = replace(contract, precision="bf16")
    if losses:
        quality["bf16-loss"] = max(losses.values())
    if (failures := gate_failures(quality)) and not below_gate:
        raise ReleaseError(f"{config.name} is not released: " + "; ".join(failures))
    write_release(path, weights=weights, contract=replace(contract, quality=quality), dtype=_DTYPE)
    return read_release(path).contract


class _Timed:
    """Counts the CPU time of another restorer, without that of other processes."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self.seconds = 0.0
        """CPU seconds of one core."""
        self.megapixels = 0.0
        """Megapixels of the results."""

    def restore(self, image: FloatPixels) -> Uint8Pixels | FloatPixels:
        """Restore with the other restorer."""
        began = time.process_time()
        restored = self._restorer.restore(image)
        self.seconds += time.process_time() - began
        self.megapixels += restored.shape[0] * restored.shape[1] / 1e6
        return restored


def _measure(restorer: Restorer, samples: SampleSet, contract: ModelContract) -> Evaluation:
    return evaluate(restorer, samples, protocol_for(contract))


def _figures(name: str, evaluation: Evaluation) -> dict[str, float]:
    figures = {
        f"{name}-psnr": round(evaluation.psnr, 2),
        f"{name}-ssim": round(evaluation.ssim, 4),
    }
    if evaluation.psnr_rgb is not None:
        figures[f"{name}-rgb-psnr"] = round(evaluation.psnr_rgb, 2)
    return figures
