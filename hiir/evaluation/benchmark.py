"""Measure a restorer on a test set, by the convention of its task."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from hiir.errors import HiirError
from hiir.evaluation.conventions import Convention
from hiir.evaluation.lpips import Lpips
from hiir.evaluation.metrics import SSIM_WINDOW, luma, mae, psnr, ssim
from hiir.evaluation.restorer import Restorer
from hiir.evaluation.samples import Sample, SampleSet
from hiir.imaging import FloatPixels, Uint8Pixels

__all__ = ["Evaluation", "EvaluationError", "ImageScore", "evaluate", "score"]


class EvaluationError(HiirError):
    """A restored image cannot be held against its clean one; the message gives both sizes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScore:
    """Figures of one image."""

    name: str
    psnr: float
    """dB."""
    ssim: float
    mae: float
    """On the scale of [0, 1]."""
    lpips: float | None
    """None unless its weights were given."""
    seconds: float
    megapixels: float
    """Of the clean image."""


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
    def mae(self) -> float:
        """Mean absolute error on the scale of [0, 1]."""
        return float(np.mean([image.mae for image in self.images]))

    @property
    def lpips(self) -> float | None:
        """Mean LPIPS, if it was measured."""
        values = [image.lpips for image in self.images if image.lpips is not None]
        return float(np.mean(values)) if values else None

    @property
    def seconds_per_megapixel(self) -> float:
        """Time over pixels of the whole set."""
        total = sum(image.seconds for image in self.images)
        return total / sum(image.megapixels for image in self.images)

    def to_json(self) -> dict[str, object]:
        """One JSON object."""
        perceptual = {} if self.lpips is None else {"lpips": round(self.lpips, 4)}
        return {
            "psnr": round(self.psnr, 4),
            "ssim": round(self.ssim, 5),
            "mae": round(self.mae, 5),
            **perceptual,
            "n": len(self.images),
            "seconds_per_megapixel": round(self.seconds_per_megapixel, 3),
            "images": [
                {key: value for key, value in asdict(image).items() if value is not None}
                for image in self.images
            ],
        }


def evaluate(
    restorer: Restorer,
    samples: SampleSet,
    convention: Convention | None = None,
    *,
    lpips: Lpips | None = None,
) -> Evaluation:
    """Restore and score every image of a set.

    Args:
        restorer: what is measured.
        samples: the set.
        convention: of the task; RGB without shaving unless given.
        lpips: the network for LPIPS, which is left out without it.

    Raises:
        DatasetError: for a set that is empty or cannot be read.
    """
    convention = convention or Convention()
    return Evaluation(images=tuple(_scores(restorer, samples, convention, lpips)))


def _scores(
    restorer: Restorer, samples: SampleSet, convention: Convention, lpips: Lpips | None
) -> Iterator[ImageScore]:
    for sample in samples.read(convention.colour):
        started = time.perf_counter()
        restored = restorer.restore(sample.degraded)
        seconds = time.perf_counter() - started
        yield score(sample, restored, convention, seconds=seconds, lpips=lpips)


def score(
    sample: Sample,
    restored: Uint8Pixels | FloatPixels,
    convention: Convention,
    *,
    seconds: float = 0.0,
    lpips: Lpips | None = None,
) -> ImageScore:
    """Figures of one restored image, uint8 or float32 on the scale of [0, 1].

    Raises:
        EvaluationError: for an image that does not have the size of the clean one, or is too small
            for SSIM once its border is cut off.
    """
    values = restored if restored.dtype == np.uint8 else np.float32(255) * restored
    if values.shape != sample.clean.shape:
        raise EvaluationError(
            f"{sample.name}: restored to {values.shape}, the clean image is {sample.clean.shape}"
        )
    clean, image = (_measured(p, convention, gray=sample.gray) for p in (sample.clean, values))
    if min(clean.shape[:2]) < SSIM_WINDOW:
        raise EvaluationError(
            f"{sample.name}: SSIM needs {SSIM_WINDOW}x{SSIM_WINDOW} pixels, and {clean.shape[:2]} "
            f"are left without the {convention.shave} that are cut off at each side"
        )
    return ImageScore(
        name=sample.name,
        psnr=psnr(clean, image),
        ssim=ssim(clean, image),
        mae=mae(clean, image),
        lpips=None if lpips is None else lpips.distance(sample.clean, values),
        seconds=seconds,
        megapixels=sample.clean.shape[0] * sample.clean.shape[1] / 1e6,
    )


def _measured(
    pixels: Uint8Pixels | FloatPixels, convention: Convention, *, gray: bool
) -> Uint8Pixels | FloatPixels:
    shave = convention.shave
    inner = pixels[shave : pixels.shape[0] - shave, shave : pixels.shape[1] - shave]
    return luma(inner, full_range=gray) if convention.on_luma else inner
