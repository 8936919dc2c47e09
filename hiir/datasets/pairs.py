"""Degraded photos with the clean ones beside them, as paired test sets come."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from hiir.datasets.photo import Colour, crop_to_multiple, read_photo
from hiir.datasets.pool import DatasetError, list_images
from hiir.degradations.recipe import Recipe
from hiir.imaging import from_unit, to_unit

__all__ = ["ImagePair", "list_pairs", "write_pairs"]

# How the two of a pair differ in their names, up to the suffix: degraded, clean.
_ENDINGS = (("_gt", ""), ("ground_truth", "rain"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePair:
    """Files of one scene."""

    name: str
    degraded: tuple[Path, ...]
    """One file, or the left and the right view of a dual-pixel sensor."""
    clean: Path


def list_pairs(folder: Path) -> tuple[ImagePair, ...]:
    """Find the pairs of a folder.

    Three layouts are known: ``X`` beside ``X_gt`` (or ``Xrain`` beside ``Xground_truth``), ``X_l``
    and ``X_r`` beside ``X_gt``, and the folders ``in`` and ``gt``, where the name of a degraded
    image begins with that of the clean one.

    Raises:
        DatasetError: for a folder without images, or an image without its other half.
    """
    if (folder / "in").is_dir() and (folder / "gt").is_dir():
        return _between(list_images(folder / "in"), list_images(folder / "gt"))
    return _beside(list_images(folder))


def write_pairs(folder: Path, recipe: Recipe, output: Path, *, seed: int) -> int:
    """Degrade every image of a folder and write ``X.png`` and ``X_gt.png``; returns their number.

    A dual-pixel recipe gives ``X_l.png`` and ``X_r.png``. The files are 8-bit.

    Raises:
        DatasetError: for a folder without images, or a file that cannot be decoded.
    """
    output.mkdir(parents=True, exist_ok=True)
    paths = list_images(folder)
    for index, path in enumerate(paths):
        clean = crop_to_multiple(read_photo(path, Colour.RGB), recipe.scale)
        degraded = from_unit(recipe.degrade(to_unit(clean), seed=seed, index=index), np.uint8)
        names = [path.stem] if recipe.views == 1 else [f"{path.stem}_l", f"{path.stem}_r"]
        for name, view in zip(names, np.split(degraded, recipe.views, axis=2), strict=True):
            Image.fromarray(view).save(output / f"{name}.png")
        Image.fromarray(clean).save(output / f"{path.stem}_gt.png")
    return len(paths)


def _between(degraded: Sequence[Path], clean: Sequence[Path]) -> tuple[ImagePair, ...]:
    pairs = []
    for path in degraded:
        origins = [c for c in clean if re.match(re.escape(c.stem) + r"(?![0-9A-Za-z])", path.stem)]
        if len(origins) != 1:
            raise DatasetError(f"{path} has {len(origins)} clean images, not one")
        pairs.append(ImagePair(name=path.name, degraded=(path,), clean=origins[0]))
    return tuple(pairs)


def _beside(paths: Sequence[Path]) -> tuple[ImagePair, ...]:
    by_stem = {path.stem: path for path in paths}
    pairs = []
    for stem, path in by_stem.items():
        for ending, other in _ENDINGS:
            if not stem.endswith(ending):
                continue
            name = stem.removesuffix(ending)
            views = [name + other], [f"{name}_l", f"{name}_r"]
            found = [v for v in views if all(key in by_stem for key in v)]
            if not found:
                raise DatasetError(f"{path} has no degraded image beside it")
            degraded = tuple(by_stem[key] for key in found[0])
            pairs.append(ImagePair(name=degraded[0].name, degraded=degraded, clean=path))
    used = {path for pair in pairs for path in (*pair.degraded, pair.clean)}
    alone = [path for path in paths if path not in used]
    if alone:
        raise DatasetError(f"{alone[0]} has no clean image beside it")
    return tuple(pairs)
