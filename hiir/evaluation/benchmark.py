"""Measure a restorer on a folder of clean images, each degraded by a fixed seed."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from hiir.datasets.pool import list_images
from hiir.degradations.noise import add_gaussian_noise
from hiir.evaluation.engines import Restorer
from hiir.evaluation.metrics import psnr, ssim
from hiir.imaging import FloatPixels, Uint8Pixels, to_unit

__all__ = ["Evaluation", "ImageScore", "Noise", "evaluate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Additive white Gaussian noise of one level."""

    sigma: float
    """On the scale of 255."""
    seed: int = 0
    clip: bool = False
    """Round to 8 bits and clip, as files are; the literature's tables do neither."""

    def degrade(self, clean: Uint8Pixels, index: int) -> FloatPixels:
        """Noisy version of the image with this index in its set."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        image = torch.from_numpy(to_unit(clean))
        noisy = add_gaussian_noise(image, self.sigma, generator=generator, clip=self.clip)
        return np.asarray(noisy.numpy(), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScore:
    """Figures of one image."""

    name: str
    psnr: float
    """dB over all RGB samples."""
    ssim: float
    seconds: float
    megapixels: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Figures of one set; means are over images, as in the literature."""

    images: tuple[ImageScore, ...]

    @property
    def psnr(self) -> float:
        """Mean PSNR in dB."""
        return float(np.mean([image.psnr for image in self.images]))

    @property
    def ssim(self) -> float:
        """Mean SSIM."""
        return float(np.mean([image.ssim for image in self.images]))

    @property
    def seconds_per_megapixel(self) -> float:
        """Time over pixels of the whole set."""
        total = sum(image.seconds for image in self.images)
        return total / sum(image.megapixels for image in self.images)

    def to_json(self) -> dict[str, object]:
        """One JSON object."""
        return {
            "psnr": round(self.psnr, 4),
            "ssim": round(self.ssim, 5),
            "n": len(self.images),
            "seconds_per_megapixel": round(self.seconds_per_megapixel, 3),
            "images": [asdict(image) for image in self.images],
        }


def evaluate(restorer: Restorer, folder: Path, degradation: Noise) -> Evaluation:
    """Degrade, restore and score every image of ``folder``; raises `DatasetError`."""
    return Evaluation(images=tuple(_scores(restorer, folder, degradation)))


def _scores(restorer: Restorer, folder: Path, degradation: Noise) -> Iterator[ImageScore]:
    for index, path in enumerate(list_images(folder)):
        with Image.open(path) as image:
            clean = np.asarray(image.convert("RGB"))
        degraded = degradation.degrade(clean, index)
        started = time.perf_counter()
        restored = restorer.restore(degraded)
        seconds = time.perf_counter() - started
        values = restored if restored.dtype == np.uint8 else np.float32(255) * restored
        yield ImageScore(
            name=path.name,
            psnr=psnr(clean, values),
            ssim=ssim(clean, values),
            seconds=seconds,
            megapixels=clean.shape[0] * clean.shape[1] / 1e6,
        )
