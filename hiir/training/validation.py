"""PSNR on the validation images during training: a fixed crop, fixed noise, averaged weights."""

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from hiir.datasets.pool import list_images
from hiir.degradations.noise import add_gaussian_noise
from hiir.evaluation.metrics import psnr
from hiir.models.presets import build_model
from hiir.training.config import TrainingConfig
from hiir.training.ema import WeightAverage

__all__ = ["Validator"]

_CROP = 256


class Validator:
    """Denoises the centres of some validation images at each level."""

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config
        self._model = build_model(config.preset).eval()
        paths = list_images(config.data.root / config.data.validation)
        self._crops = [_centre(Image.open(path)) for path in paths[: config.validation_images]]

    @torch.inference_mode()
    def score(self, average: WeightAverage) -> dict[str, float]:
        """Mean PSNR in dB for each noise level."""
        average.copy_to(self._model)
        return {
            f"sigma{sigma:g}": round(self._score(sigma), 3)
            for sigma in self._config.validation_sigmas
        }

    def _score(self, sigma: float) -> float:
        generator = torch.Generator().manual_seed(0)
        scores = []
        for crop in self._crops:
            clean = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
            noisy = add_gaussian_noise(clean, sigma, generator=generator)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._config.bf16):
                restored = self._model(noisy)
            pixels = restored.float().clamp(0, 1).mul(255).round().byte()[0]
            scores.append(psnr(crop, pixels.permute(1, 2, 0).numpy()))
        return float(np.mean(scores))


def _centre(image: Image.Image) -> npt.NDArray[np.uint8]:
    left, top = (image.width - _CROP) // 2, (image.height - _CROP) // 2
    with image:
        return np.array(image.convert("RGB").crop((left, top, left + _CROP, top + _CROP)))
