"""Reports of an evaluation: a Markdown table and a strip of pictures."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from hiir.evaluation.evaluate import Evaluation, ImageScore, score
from hiir.evaluation.protocols import EvaluationProtocol
from hiir.evaluation.restorer import Restorer
from hiir.evaluation.test_sets import SampleSet
from hiir.imaging import FloatPixels, Uint8Pixels, from_unit

__all__ = ["draw_strip", "to_markdown"]

_GAP, _TITLE, _SIDE = 6, 16, 320
# Figures that not every evaluation has, with the titles of their columns.
_OPTIONAL = {"lpips": "LPIPS", "psnr_rgb": "PSNR, RGB", "ssim_rgb": "SSIM, RGB"}


def to_markdown(evaluation: Evaluation, baselines: Mapping[str, Evaluation] | None = None) -> str:
    """Return a row per image, the mean, and the means of the baselines; PSNR is in dB."""
    optional = [name for name in _OPTIONAL if getattr(evaluation, name) is not None]
    columns = ["image", "PSNR", "SSIM", "MAE", *(_OPTIONAL[n] for n in optional), "seconds"]
    rows = [_row(columns), _row(["---"] * len(columns))]
    rows += [
        _row([image.name, *_figures(image, optional), f"{image.seconds:.2f}"])
        for image in evaluation.images
    ]
    speed = f"{evaluation.seconds_per_megapixel:.2f} per megapixel"
    mean = [f"mean of {len(evaluation.images)}", *_figures(evaluation, optional)]
    rows.append(_row([*(f"**{cell}**" for cell in mean), speed]))
    rows += [
        _row([name, *_figures(other, optional), f"{other.seconds_per_megapixel:.2f} per megapixel"])
        for name, other in (baselines or {}).items()
    ]
    return "\n".join(rows)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figures(scores: Evaluation | ImageScore, optional: Sequence[str]) -> list[str]:
    figures = [f"{scores.psnr:.2f}", f"{scores.ssim:.4f}", f"{scores.mae:.4f}"]
    for name in optional:
        value = getattr(scores, name)
        digits = 2 if name.startswith("psnr") else 4
        figures.append("" if value is None else f"{value:.{digits}f}")
    return figures


def draw_strip(
    evaluation: Evaluation, restorer: Restorer, samples: SampleSet, protocol: EvaluationProtocol
) -> Image.Image:
    """Draw input, result and ground truth of the best, the median and the worst image by PSNR.

    The center of each image is shown, at most 320 pixels a side.

    Raises:
        DatasetError: if the set cannot be read.
    """
    ranked = sorted(evaluation.images, key=lambda image: -image.psnr)
    shown = {
        ranked[index].name: title
        for title, index in (("worst", -1), ("median", len(ranked) // 2), ("best", 0))
    }
    rows: dict[str, tuple[str, list[Uint8Pixels]]] = {}
    for sample in samples.read(protocol.color):
        if sample.name in shown:
            restored = restorer.restore(sample.degraded)
            psnr = score(sample, restored, protocol).psnr
            title = f"{shown[sample.name]}: {sample.name}, {psnr:.2f} dB"
            clean = sample.clean
            truth = clean if clean.dtype == np.uint8 else np.asarray(clean / 255, np.float32)
            pictures = [_color(p, clean.shape) for p in (sample.degraded, restored, truth)]
            rows[shown[sample.name]] = (title, pictures)
    ordered = [rows[title] for title in ("best", "median", "worst") if title in rows]
    return _draw(ordered)


def _color(image: Uint8Pixels | FloatPixels, size: tuple[int, ...]) -> Uint8Pixels:
    """The center of an image as RGB, enlarged to the size of the clean one."""
    pixels = image if image.dtype == np.uint8 else from_unit(np.asarray(image), np.uint8)
    pixels = pixels[..., :3] if pixels.shape[2] == 6 else pixels
    scale = size[0] // pixels.shape[0]
    enlarged = np.repeat(np.repeat(pixels, scale, axis=0), scale, axis=1)
    height, width = (min(side, _SIDE) for side in enlarged.shape[:2])
    top, left = (enlarged.shape[0] - height) // 2, (enlarged.shape[1] - width) // 2
    middle = enlarged[top : top + height, left : left + width]
    return np.broadcast_to(middle, (height, width, 3)).astype(np.uint8)


def _draw(rows: list[tuple[str, list[npt.NDArray[np.uint8]]]]) -> Image.Image:
    heights = [max(p.shape[0] for p in pictures) + _TITLE + _GAP for _, pictures in rows]
    strip = Image.new("RGB", (3 * (_SIDE + _GAP) + _GAP, sum(heights) + _GAP), "white")
    pen = ImageDraw.Draw(strip)
    top = _GAP
    for (title, pictures), height in zip(rows, heights, strict=True):
        pen.text((_GAP, top), f"{title} (before, after, truth)", fill="black")
        for column, picture in enumerate(pictures):
            strip.paste(Image.fromarray(picture), (_GAP + column * (_SIDE + _GAP), top + _TITLE))
        top += height
    return strip
