"""PSNR on validation images during training: fixed crops, fixed seed, averaged weights."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hiir.datasets.packed_images import DatasetError, list_images
from hiir.datasets.photo_files import read_photo
from hiir.degradations.recipe import Recipe
from hiir.evaluation.evaluate import score
from hiir.evaluation.protocols import family_of_task, protocol_of
from hiir.evaluation.test_sets import Sample
from hiir.imaging import Uint8Pixels, append_level, estimate_noise_level, from_unit, to_unit
from hiir.models.presets import build_model
from hiir.training.config import TrainingConfig
from hiir.training.ema import WeightAverage
from hiir.training.losses import build_loss

__all__ = ["Validation", "Validator"]

_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The figures of one validation."""

    psnr: dict[str, float]
    """Mean PSNR in dB for each degradation, by the protocol of the task."""
    loss: float
    """Mean of the training loss over all degradations."""


class Validator:
    """Restores the centers of some validation images, for each degradation."""

    def __init__(self, config: TrainingConfig, *, device: torch.device) -> None:
        """Read and degrade the crops.

        Raises:
            DatasetError: if the images cannot be used.
        """
        self._device = device
        self._bf16 = config.bf16
        self._model = build_model(config.preset, config.model).eval().to(device)
        self._loss = build_loss(config.loss).to(device)
        scale = config.data.degradation.scale
        self._convention = protocol_of(
            family_of_task(config.release.task),
            scale=scale,
            gray=self._model.config.out_channels == 1,
        )
        paths = list_images(config.data.root / config.data.validation)[: config.validation_images]
        photos = {path.name: read_photo(path, config.data.color) for path in paths}
        self._samples = {
            item.label: [
                _degraded(
                    name,
                    photo,
                    item.degradation,
                    side=config.validation_crop,
                    index=index,
                    noise_level_map=config.data.noise_level_map,
                )
                for index, (name, photo) in enumerate(photos.items())
            ]
            for item in config.validation
        }

    @torch.inference_mode()
    def score(self, average: WeightAverage) -> Validation:
        """Measure the averaged weights."""
        average.copy_to(self._model)
        psnr: dict[str, float] = {}
        losses: list[float] = []
        for label, samples in self._samples.items():
            figures = [self._measure(sample) for sample in samples]
            psnr[label] = round(float(np.mean([figure for figure, _ in figures])), 3)
            losses += [loss for _, loss in figures]
        return Validation(psnr=psnr, loss=float(np.mean(losses)))

    def _measure(self, sample: Sample) -> tuple[float, float]:
        degraded, clean = (
            _batch(image).to(self._device) for image in (sample.degraded, to_unit(sample.clean))
        )
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bf16):
            restored = self._model(degraded)
        restored = restored.float()
        loss = float(self._loss(restored, clean))
        pixels = from_unit(restored[0].permute(1, 2, 0).cpu().numpy(), np.uint8)
        return score(sample, pixels, self._convention).psnr, loss


def _batch(image: np.ndarray) -> Tensor:  # type: ignore[type-arg]
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]


def _degraded(
    name: str, photo: Uint8Pixels, recipe: Recipe, *, side: int, index: int, noise_level_map: bool
) -> Sample:
    room = min(photo.shape[:2]) - 2 * recipe.margin
    crop = min(side, room) // recipe.scale * recipe.scale
    if crop <= 0:
        raise DatasetError(f"{name} measures {photo.shape[:2]}, too little to validate on")
    outer = crop + 2 * recipe.margin
    top, left = ((length - outer) // 2 for length in photo.shape[:2])
    surroundings = np.ascontiguousarray(photo[top : top + outer, left : left + outer])
    random = np.random.default_rng((_SEED, index))
    degraded, clean = recipe.degrade_patch(to_unit(surroundings), random)
    if noise_level_map:
        degraded = append_level(degraded, estimate_noise_level(degraded))
    return Sample(name=name, clean=from_unit(clean, np.uint8), degraded=degraded)
