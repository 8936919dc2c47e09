"""Pairs of degraded and clean photos, read from and written to files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from hiir.datasets.packed_images import DatasetError, list_images
from hiir.datasets.pair_layouts import ImagePair
from hiir.datasets.photo_files import ColorMode, crop_to_multiple, read_photo, read_samples
from hiir.degradations.recipe import Recipe
from hiir.imaging import FloatPixels, Uint8Pixels, Uint16Pixels, from_unit, to_unit

__all__ = ["PairSamples", "read_pair", "write_pairs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSamples:
    """The samples of a pair, with 8 or 16 bits as in the files."""

    degraded: Uint8Pixels | Uint16Pixels
    """``(H, W, C)``, or ``(H, W, 2 C)`` for two views."""
    clean: Uint8Pixels | Uint16Pixels
    """``(H * scale, W * scale, C)``."""

    @property
    def clean_levels(self) -> Uint8Pixels | FloatPixels:
        """The clean image ``(H, W, C)`` from 0 to 255; float32 if the file has more than 8 bits."""
        if self.clean.dtype == np.uint16:
            return np.asarray(255 * to_unit(self.clean), np.float32)
        return self.clean.astype(np.uint8, copy=False)

    @property
    def scale(self) -> int:
        """The number of clean pixels per degraded pixel, along a side."""
        return self.clean.shape[0] // self.degraded.shape[0]


def read_pair(pair: ImagePair, color: ColorMode = ColorMode.RGB) -> PairSamples:
    """Read the files of a pair; more than 8 bits are only kept in color.

    Raises:
        DatasetError: if a file cannot be decoded or the sizes do not match.
    """

    def read(path: Path) -> Uint8Pixels | Uint16Pixels:
        return read_samples(path) if color is ColorMode.RGB else read_photo(path, color)

    clean = read(pair.clean)
    views = [read(path) for path in pair.degraded]
    for path, view in zip(pair.degraded, views, strict=True):
        if (view.shape, view.dtype) != (views[0].shape, views[0].dtype):
            raise DatasetError(
                f"{path} is {view.shape} {view.dtype}, the other view {views[0].shape} "
                f"{views[0].dtype}"
            )
    height, width = views[0].shape[:2]
    fits = (clean.shape[0] % height, clean.shape[1] % width) == (0, 0)
    if not fits or clean.shape[0] // height != clean.shape[1] // width:
        raise DatasetError(
            f"{pair.degraded[0]} measures {(height, width)}, of which {clean.shape[:2]}, the size "
            f"of {pair.clean.name}, is not a multiple"
        )
    return PairSamples(degraded=_stacked(views), clean=clean)


def _stacked(views: Sequence[Uint8Pixels | Uint16Pixels]) -> Uint8Pixels | Uint16Pixels:
    stacked: Any = np.concatenate(views, axis=2)
    return cast("Uint8Pixels | Uint16Pixels", stacked)


def write_pairs(folder: Path, recipe: Recipe, output: Path, *, seed: int) -> int:
    """Degrade every image of a folder, and write ``X.png`` and ``X_gt.png``; returns their number.

    A dual-pixel recipe writes ``X_l.png`` and ``X_r.png``. The files have 8 bits per sample.

    Raises:
        DatasetError: if the folder has no images, or a file cannot be decoded.
    """
    output.mkdir(parents=True, exist_ok=True)
    paths = list_images(folder)
    for index, path in enumerate(paths):
        clean = crop_to_multiple(read_photo(path, ColorMode.RGB), recipe.scale)
        degraded = from_unit(recipe.degrade(to_unit(clean), seed=seed, index=index), np.uint8)
        names = [path.stem] if recipe.views == 1 else [f"{path.stem}_l", f"{path.stem}_r"]
        for name, view in zip(names, np.split(degraded, recipe.views, axis=2), strict=True):
            Image.fromarray(view).save(output / f"{name}.png")
        Image.fromarray(clean).save(output / f"{path.stem}_gt.png")
    return len(paths)
