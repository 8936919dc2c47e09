"""Effects of tiling on a picture: visible seams, and the difference from one piece.

Both are measured in the worst case: two by two tiles with the minimum overlap. In most photos tiles
are spaced evenly and overlap more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from hiir.datasets.photo_files import ColorMode
from hiir.evaluation.metrics import MAX_PSNR, psnr
from hiir.evaluation.seams import seam_excess
from hiir.evaluation.test_sets import SampleSet
from hiir.evaluation.torch_tiles import TorchTiles
from hiir.imaging import (
    FloatPixels,
    ModelContract,
    append_level,
    estimate_noise_level,
    pad_to,
    plan_tiles,
    restore_bands,
    to_unit,
)
from hiir.models.release import Release

__all__ = [
    "MAX_SEAM",
    "TilingFigures",
    "first_photo",
    "measure_tiling",
    "tiling_from_quality",
    "tiling_pictures",
    "to_quality",
]

MAX_SEAM = 1.0
"""Maximum visibility of a seam in levels of 255."""
_PICTURES = ("gradient", "noise", "photo")
_DIGITS = {"seam": 2, "agreement": 1, "difference": 1}  # the figures, as they are rounded
_STRETCH = 32  # a seam that is shorter looks like a part of the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class TilingFigures:
    """The figures of one picture."""

    seam: float
    """Levels of 255 by which the step at a seam exceeds all others; 0 or less if no seam is
    visible.
    """
    agreement: float
    """PSNR in dB between the picture restored in tiles and in one piece."""
    difference: float
    """Largest difference between the two, in levels of 255."""


def tiling_pictures(contract: ModelContract, photo: FloatPixels | None) -> dict[str, FloatPixels]:
    """Return a gradient, noise and, if given, a photo.

    Each is ``(2 * tile, 2 * tile, input_channels)`` float32. A smaller photo is padded by
    reflection.
    """
    side = 2 * contract.tile
    ramp = np.tile(np.linspace(0.1, 0.9, side, dtype=np.float32), (side, 1))
    noise = np.random.default_rng(0).normal(0.5, 0.1, (side, side, 3)).clip(0, 1)
    drawn = {"gradient": np.stack([ramp.T, ramp, ramp], axis=2), "noise": noise.astype(np.float32)}
    pictures = {name: _channels(image, contract.image_channels) for name, image in drawn.items()}
    if photo is not None:
        pictures["photo"] = pad_to(photo, side, side)[:side, :side]
    if contract.noise_level:
        return {
            name: append_level(image, estimate_noise_level(image))
            for name, image in pictures.items()
        }
    return pictures


def _channels(image: FloatPixels, count: int) -> FloatPixels:
    """Convert three channels to one, or to several equal views."""
    return np.concatenate([image] * -(-count // 3), axis=2)[..., :count]


def first_photo(samples: SampleSet, color: ColorMode) -> FloatPixels:
    """Return the first photo of a set as the model receives it, or unchanged for super-resolution.

    Raises `DatasetError` if the set is empty or cannot be read.
    """
    sample = next(iter(samples.read(color)))
    return sample.degraded if samples.scale == 1 else to_unit(sample.clean)


def measure_tiling(
    release: Release, pictures: Mapping[str, FloatPixels], *, overlap: int | None = None
) -> dict[str, TilingFigures]:
    """Restore each picture in two by two tiles and in one piece.

    Args:
        release: model with float32 weights.
        pictures: ``(2 * tile, 2 * tile, input_channels)`` float32, by name.
        overlap: overlap of the tiles; that of the contract by default.

    Raises:
        SeamError: if the overlap exceeds about half a tile.
    """
    contract = release.contract
    if overlap is not None:
        contract = replace(contract, overlap=overlap)
    side = 2 * contract.tile - contract.overlap
    plan = plan_tiles(height=side, width=side, tile=contract.tile, overlap=contract.overlap)
    # What a third tile would share is not finished yet.
    end = (side - contract.overlap) * contract.scale
    figures = {}
    for name, picture in pictures.items():
        tiled = _in_tiles(release, contract, picture[:side, :side])[:end, :end]
        whole = _in_one_piece(release, picture, side)[:end, :end]
        # Of the picture, and of what tiles changed in it: there no edge of its own hides a seam.
        seams = (
            seam_excess(tiled, plan, scale=contract.scale),
            seam_excess(tiled - whole, plan, scale=contract.scale, stretch=_STRETCH),
        )
        figures[name] = TilingFigures(
            seam=255 * max(seams),
            agreement=min(psnr(255 * whole, 255 * tiled), MAX_PSNR),
            difference=255 * float(np.abs(tiled - whole).max()),
        )
    return figures


def _in_tiles(release: Release, contract: ModelContract, image: FloatPixels) -> FloatPixels:
    bands = restore_bands(
        image=image,
        contract=contract,
        infer=TorchTiles(release),
        in_flight=1,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    return np.concatenate([band.rows for band in bands]).clip(0, 1)


@torch.inference_mode()
def _in_one_piece(release: Release, picture: FloatPixels, side: int) -> FloatPixels:
    """Restore a part of the picture that has at least the size that the network needs."""
    multiple = release.contract.size_multiple
    end = -(-side // multiple) * multiple
    image = np.ascontiguousarray(picture[:end, :end].transpose(2, 0, 1))
    whole: FloatPixels = release.model(torch.from_numpy(image)[None])[0].numpy()
    return whole.transpose(1, 2, 0).clip(0, 1)


def to_quality(figures: Mapping[str, TilingFigures]) -> dict[str, float]:
    """Return entries for a contract's `quality`: ``tiles-PICTURE-FIGURE``."""
    return {
        f"tiles-{picture}-{name}": round(getattr(found, name), digits)
        for picture, found in figures.items()
        for name, digits in _DIGITS.items()
    }


def tiling_from_quality(quality: Mapping[str, float]) -> dict[str, TilingFigures]:
    """Return the figures that `to_quality` wrote, by picture; empty if they were not measured."""
    pictures = {name: f"tiles-{name}-" for name in _PICTURES}
    return {
        name: TilingFigures(**{figure: quality[f"{prefix}{figure}"] for figure in _DIGITS})
        for name, prefix in pictures.items()
        if f"{prefix}seam" in quality
    }
