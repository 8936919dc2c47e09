"""Folder layouts of data sets of degraded and clean photos.

| layout | who | degraded | clean |
|---|---|---|---|
| `beside` | ours | `X`, or `X_l` and `X_r` | `X_gt` in the same folder |
| | | `Xrain` | `Xground_truth` in the same folder |
| `dual-pixel` | DPDD | `inputL/X`, `inputR/X` | `target/X` |
| `center` | DPDD | `inputC/X` | `target/X` |
| `input-target` | GoPro, HIDE | `input/X` | `target/X` |
| `source-target` | DPDD | `source/X` | `target/X` |
| `blur-sharp` | GoPro, HIDE | `blur/X` | `sharp/X` |
| `snow100k` | Snow100K | `synthetic/X` | `gt/X` |
| `raindrop` | Raindrop | `data/X_rain` | `gt/X_clean` |
| `in-gt` | Outdoor-Rain | `in/X_...` | `gt/X` |
| `input-gt` | | `input/X` | `gt/X` |
| `sidd` | SIDD | `...NOISY_SRGB...` | `...GT_SRGB...` |
| `list` | RealBlur | the path without `gt` of a line | the path with it |

Folders may be nested to any depth, as the scenes of GoPro are. X is a file name without its suffix.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from pathlib import Path

from hiir.datasets.packed_images import IMAGE_SUFFIXES, DatasetError, list_images

__all__ = ["ImagePair", "Layout", "list_pairs"]


class Layout(StrEnum):
    """The layout of a data set of pairs; the table of this module describes each."""

    BESIDE = "beside"
    DUAL_PIXEL = "dual-pixel"
    CENTER = "center"
    INPUT_TARGET = "input-target"
    SOURCE_TARGET = "source-target"
    BLUR_SHARP = "blur-sharp"
    SNOW100K = "snow100k"
    RAINDROP = "raindrop"
    IN_GT = "in-gt"
    INPUT_GT = "input-gt"
    SIDD = "sidd"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePair:
    """The files of one scene."""

    name: str
    """Name of the degraded file, relative to the data set's folder if scenes have folders."""
    degraded: tuple[Path, ...]
    """One file, or the left and the right view of a dual-pixel sensor."""
    clean: Path


def _same(stem: str) -> str:
    return stem


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folders:
    """Two or three parallel folders."""

    degraded: tuple[str, ...]
    clean: str
    clean_stem: Callable[[str], str] | None = _same
    """Maps the stem of the degraded image to that of the clean one; None if the clean stem is a
    prefix of the degraded one.
    """


# In the order in which they are looked for: the one with more folders first.
_FOLDERS = {
    Layout.DUAL_PIXEL: _Folders(degraded=("inputL", "inputR"), clean="target"),
    Layout.CENTER: _Folders(degraded=("inputC",), clean="target"),
    Layout.INPUT_TARGET: _Folders(degraded=("input",), clean="target"),
    Layout.SOURCE_TARGET: _Folders(degraded=("source",), clean="target"),
    Layout.BLUR_SHARP: _Folders(degraded=("blur",), clean="sharp"),
    Layout.SNOW100K: _Folders(degraded=("synthetic",), clean="gt"),
    Layout.RAINDROP: _Folders(
        degraded=("data",), clean="gt", clean_stem=lambda s: re.sub(r"_rain$", "_clean", s)
    ),
    Layout.IN_GT: _Folders(degraded=("in",), clean="gt", clean_stem=None),
    Layout.INPUT_GT: _Folders(degraded=("input",), clean="gt"),
}
# How the names of files in one folder end: of the clean one, of the degraded one or its views.
_ENDINGS = (("_gt", (("",), ("_l", "_r"))), ("ground_truth", (("rain",),)))
_NOISY, _CLEAN = "NOISY_SRGB", "GT_SRGB"


def list_pairs(root: Path, *, layout: Layout | None = None) -> tuple[ImagePair, ...]:
    """List the pairs of a data set, in the order of their names.

    Args:
        root: folder of the data set, or its list file.
        layout: folder layout; detected by default.

    Raises:
        DatasetError: if the folder does not exist or has no pairs of the layout, or if an image
            lacks its counterpart; the message names it.
    """
    if root.is_file():
        layout = layout or Layout.LIST
    elif not root.is_dir():
        raise DatasetError(f"{root} is not a directory")
    layout = layout or _detect_layout(root)
    if layout is Layout.LIST:
        return tuple(_listed(root))
    if layout is Layout.SIDD:
        return tuple(_of_sidd(root))
    if layout is Layout.BESIDE:
        return _beside(root)
    folders = _FOLDERS[layout]
    scenes = list(_scenes(root, folders))
    if not scenes:
        wanted = ", ".join((*folders.degraded, folders.clean))
        raise DatasetError(f"{root} holds no folders {wanted}, which the layout {layout} has")
    return tuple(pair for scene in scenes for pair in _between(root, scene, folders))


def _detect_layout(root: Path) -> Layout:
    for layout, folders in _FOLDERS.items():
        if next(_scenes(root, folders), None) is not None:
            return layout
    if next(root.rglob(f"*{_NOISY}*"), None) is not None:
        return Layout.SIDD
    return Layout.BESIDE


def _scenes(root: Path, folders: _Folders) -> Iterator[Path]:
    """Yield the folders that contain all subfolders of a layout."""
    wanted = {*folders.degraded, folders.clean}
    for place, names, _ in os.walk(root):
        names.sort()
        if wanted <= set(names):
            yield Path(place)


def _between(root: Path, scene: Path, folders: _Folders) -> Iterator[ImagePair]:
    clean = {path.stem: path for path in list_images(scene / folders.clean)}
    views = [{path.stem: path for path in list_images(scene / name)} for name in folders.degraded]
    for stem, path in views[0].items():
        if folders.clean_stem is None:
            origins = [key for key in clean if re.match(re.escape(key) + r"(?![0-9A-Za-z])", stem)]
        else:
            origins = [key for key in (folders.clean_stem(stem),) if key in clean]
        if len(origins) != 1:
            raise DatasetError(f"{path} has {len(origins)} clean images, not one")
        for name, view in zip(folders.degraded, views, strict=True):
            if stem not in view:
                raise DatasetError(f"{path} has no other view in {scene / name}")
        yield ImagePair(
            name=(scene.relative_to(root) / path.name).as_posix(),
            degraded=tuple(view[stem] for view in views),
            clean=clean[origins[0]],
        )


def _beside(root: Path) -> tuple[ImagePair, ...]:
    by_stem = {path.stem: path for path in list_images(root)}
    pairs = []
    for (stem, path), (ending, degraded) in product(by_stem.items(), _ENDINGS):
        if not stem.endswith(ending):
            continue
        name = stem.removesuffix(ending)
        views = [[name + other for other in others] for others in degraded]
        found = next((keys for keys in views if all(key in by_stem for key in keys)), None)
        if found is None:
            raise DatasetError(f"{path} has no degraded image beside it")
        files = tuple(by_stem[key] for key in found)
        pairs.append(ImagePair(name=files[0].name, degraded=files, clean=path))
    used = {path for pair in pairs for path in (*pair.degraded, pair.clean)}
    alone = [path for path in by_stem.values() if path not in used]
    if alone:
        raise DatasetError(f"{alone[0]} has no clean image beside it")
    return tuple(pairs)


def _of_sidd(root: Path) -> Iterator[ImagePair]:
    noisy = sorted(
        path for path in root.rglob(f"*{_NOISY}*") if path.suffix.lower() in IMAGE_SUFFIXES
    )
    if not noisy:
        raise DatasetError(f"{root} holds no image named *{_NOISY}*, as the layout sidd has")
    for path in noisy:
        clean = path.with_name(path.name.replace(_NOISY, _CLEAN))
        name = path.relative_to(root).as_posix()
        yield ImagePair(name=name, degraded=(path,), clean=_existing(clean, origin=path))


def _listed(path: Path) -> Iterator[ImagePair]:
    """Parse lines of two paths relative to the list; the clean path has a folder `gt` in it."""
    if not path.is_file():
        raise DatasetError(f"{path} is not a list file, which the layout list needs")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        clean = [word for word in words[:2] if "gt" in Path(word).parts]
        if len(words) < 2 or len(clean) != 1:
            raise DatasetError(
                f"{path}, line {number}: {line!r} should name two files, one of them in a folder gt"
            )
        degraded = words[1] if clean[0] == words[0] else words[0]
        files = [_existing(path.parent / word, origin=path) for word in (degraded, clean[0])]
        yield ImagePair(name=degraded, degraded=(files[0],), clean=files[1])


def _existing(path: Path, *, origin: Path) -> Path:
    if not path.is_file():
        raise DatasetError(f"{path} is missing, which {origin} asks for")
    return path
