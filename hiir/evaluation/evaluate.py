"""Evaluation of a restorer on a test set, with the protocol of its task."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from hiir.errors import HiirError
from hiir.evaluation.lpips import Lpips
from hiir.evaluation.metrics import MAX_PSNR, luma, mae, psnr, ssim
from hiir.evaluation.protocols import EvaluationProtocol
from hiir.evaluation.restorer import Restorer
from hiir.evaluation.test_sets import Sample, SampleSet
from hiir.imaging import FloatPixels, Uint8Pixels

__all__ = ["Evaluation", "EvaluationError", "ImageScore", "evaluate", "score"]


class EvaluationError(HiirError):
    """A restored image cannot be compared with its clean one; the message has both sizes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScore:
    """The figures of one image."""

    name: str
    psnr: float
    """dB, at most `MAX_PSNR`."""
    ssim: float
    mae: float
    """On the scale of [0, 1]."""
    lpips: float | None
    """None if LPIPS is not measured."""
    psnr_rgb: float | None = None
    """dB over all RGB samples, in addition to luma; None if the protocol does not score RGB."""
    ssim_rgb: float | None = None
    seconds: float
    megapixels: float
    """Megapixels of the clean image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The figures of one test set; means are over images, as in the literature."""

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
        return _mean([image.lpips for image in self.images])

    @property
    def psnr_rgb(self) -> float | None:
        """Mean PSNR on RGB in dB, if the protocol asks for it beside luma."""
        return _mean([image.psnr_rgb for image in self.images])

    @property
    def ssim_rgb(self) -> float | None:
        """Mean SSIM on RGB, if the protocol asks for it beside luma."""
        return _mean([image.ssim_rgb for image in self.images])

    @property
    def seconds_per_megapixel(self) -> float:
        """Total time divided by the megapixels of the set."""
        total = sum(image.seconds for image in self.images)
        return total / sum(image.megapixels for image in self.images)

    def to_json(self) -> dict[str, object]:
        """Return a JSON object."""
        optional = {
            "lpips": (self.lpips, 4),
            "psnr_rgb": (self.psnr_rgb, 4),
            "ssim_rgb": (self.ssim_rgb, 5),
        }
        return {
            "psnr": round(self.psnr, 4),
            "ssim": round(self.ssim, 5),
            "mae": round(self.mae, 5),
            **{k: round(v, digits) for k, (v, digits) in optional.items() if v is not None},
            "n": len(self.images),
            "seconds_per_megapixel": round(self.seconds_per_megapixel, 3),
            "images": [
                {key: value for key, value in asdict(image).items() if value is not None}
                for image in self.images
            ],
        }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def evaluate(
    restorer: Restorer,
    samples: SampleSet,
    protocol: EvaluationProtocol | None = None,
    *,
    lpips: Lpips | None = None,
) -> Evaluation:
    """Restore and score every image of a set.

    Args:
        restorer: method to measure.
        samples: test set.
        protocol: protocol of the task; by default RGB, without cropping borders.
        lpips: network for LPIPS; without it LPIPS is not measured.

    Raises:
        DatasetError: if the set is empty or cannot be read.
    """
    protocol = protocol or EvaluationProtocol()
    return Evaluation(images=tuple(_scores(restorer, samples, protocol, lpips)))


def _scores(
    restorer: Restorer, samples: SampleSet, protocol: EvaluationProtocol, lpips: Lpips | None
) -> Iterator[ImageScore]:
    for sample in samples.read(protocol.color):
        started = time.perf_counter()
        restored = restorer.restore(sample.degraded)
        seconds = time.perf_counter() - started
        yield score(sample, restored, protocol, seconds=seconds, lpips=lpips)


def score(
    sample: Sample,
    restored: Uint8Pixels | FloatPixels,
    protocol: EvaluationProtocol,
    *,
    seconds: float = 0.0,
    lpips: Lpips | None = None,
) -> ImageScore:
    """Return the figures of one restored image, uint8 or float32 [0, 1].

    Raises:
        EvaluationError: if the size differs from that of the clean image, or is too small for SSIM
            once the border is cropped.
    """
    values = restored if restored.dtype == np.uint8 else np.float32(255) * restored
    if values.shape != sample.clean.shape:
        raise EvaluationError(
            f"{sample.name}: restored to {values.shape}, the clean image is {sample.clean.shape}"
        )
    clean, image = (_measured(p, protocol, gray=sample.gray) for p in (sample.clean, values))
    window = protocol.ssim_window
    if min(clean.shape[:2]) < window.side:
        raise EvaluationError(
            f"{sample.name}: SSIM needs {window.side}x{window.side} pixels, and {clean.shape[:2]} "
            f"are left without the {protocol.shave} that are cut off at each side"
        )
    in_rgb = (
        {
            "psnr_rgb": min(psnr(sample.clean, values), MAX_PSNR),
            "ssim_rgb": ssim(sample.clean, values, window),
        }
        if protocol.rgb_beside
        else {}
    )
    return ImageScore(
        name=sample.name,
        psnr=min(psnr(clean, image), MAX_PSNR),
        ssim=ssim(clean, image, window),
        mae=mae(clean, image),
        lpips=None if lpips is None else lpips.distance(sample.clean, values),
        **in_rgb,
        seconds=seconds,
        megapixels=sample.clean.shape[0] * sample.clean.shape[1] / 1e6,
    )


def _measured(
    pixels: Uint8Pixels | FloatPixels, protocol: EvaluationProtocol, *, gray: bool
) -> Uint8Pixels | FloatPixels:
    shave = protocol.shave
    inner = pixels[shave : pixels.shape[0] - shave, shave : pixels.shape[1] - shave]
    if not protocol.on_luma:
        return inner
    if protocol.full_range:
        return np.rint(luma(inner, full_range=True))
    return luma(inner, full_range=gray)
