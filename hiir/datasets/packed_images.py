"""Training images, decoded once into one memory-mapped file that all processes share."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from hiir.errors import HiirError

__all__ = ["IMAGE_SUFFIXES", "DatasetError", "PackedImages", "list_images"]

IMAGE_SUFFIXES = frozenset({".avif", ".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

logger = logging.getLogger(__name__)


class DatasetError(HiirError):
    """A folder or a file cannot be used for training or evaluation; the message names it."""


def list_images(folder: Path) -> tuple[Path, ...]:
    """List the image files in a folder, by name; raises `DatasetError` if there are none."""
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a directory")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise DatasetError(f"{folder} contains no images")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Pack:
    """Decoded images, concatenated in one file."""

    path: Path
    shapes: tuple[tuple[int, int], ...]

    def images(self) -> list[npt.NDArray[np.uint8]]:
        """The images as views of the mapped file."""
        samples = np.memmap(self.path, np.uint8, "r")
        sizes = [height * width * 3 for height, width in self.shapes]
        starts = [0, *np.cumsum(sizes).tolist()]
        return [
            samples[start : start + size].reshape(*shape, 3)
            for start, size, shape in zip(starts, sizes, self.shapes, strict=False)
        ]


class PackedImages:
    """Images of any size as ``(H, W, 3)`` uint8 views into memory-mapped files.

    Pickling transfers the names of the files, not their content.
    """

    def __init__(self, packs: Sequence[_Pack], *, min_side: int = 1) -> None:
        self._packs = tuple(packs)
        self._min_side = min_side
        images = [image for pack in self._packs for image in pack.images()]
        self._images = [image for image in images if min(image.shape[:2]) >= min_side]

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the arguments from which another process recreates the object."""
        return partial(PackedImages, min_side=self._min_side), (self._packs,)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        return self._images[index]

    def __add__(self, other: "PackedImages") -> "PackedImages":
        """Concatenate two pools; the larger of both minimum sides applies."""
        side = max(self._min_side, other._min_side)
        return PackedImages((*self._packs, *other._packs), min_side=side)

    @classmethod
    def open(
        cls,
        folders: Sequence[Path],
        *,
        cache: Path,
        min_side: int,
        skip_corrupt: bool = False,
        skip_small: bool = False,
    ) -> "PackedImages":
        """Map the images of ``folders``; the arguments and errors are those of `from_files`."""
        paths = [path for folder in folders for path in list_images(folder)]
        return cls.from_files(
            paths, cache=cache, min_side=min_side, skip_corrupt=skip_corrupt, skip_small=skip_small
        )

    @classmethod
    def from_files(
        cls,
        paths: Sequence[Path],
        *,
        cache: Path,
        min_side: int,
        skip_corrupt: bool = False,
        skip_small: bool = False,
    ) -> "PackedImages":
        """Map the packed images; they are packed into ``cache`` first if necessary.

        The pack is named after the files, their sizes and modification times, so that changed files
        are packed again.

        Args:
            paths: the image files.
            cache: folder of the pack.
            min_side: minimum side of an image in pixels.
            skip_corrupt: skip files that cannot be decoded, with a warning that names them.
            skip_small: skip images smaller than ``min_side``, with a warning that counts them.

        Raises:
            DatasetError: if a file cannot be decoded or an image has a side below ``min_side``
                pixels, unless these are skipped; or if no image is left.
        """
        stamp = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in paths]
        key = hashlib.sha256(json.dumps(stamp).encode()).hexdigest()[:16]
        packed, index = cache / f"pool-{key}.u8", cache / f"pool-{key}.json"
        if not index.exists():
            _pack(paths, packed, index)
        entries = list(zip(paths, json.loads(index.read_text()), strict=True))
        _check_decoded(entries, skip=skip_corrupt)
        shapes = {path: (e[0], e[1]) for path, e in entries if not isinstance(e, str)}
        _check_sizes(shapes, min_side=min_side, skip=skip_small)
        if not any(min(shape) >= min_side for shape in shapes.values()):
            raise DatasetError(
                f"none of the {len(paths)} images can be decoded and has {min_side} pixels a side"
            )
        return cls([_Pack(packed, tuple(shapes.values()))], min_side=min_side)


def _check_decoded(entries: Sequence[tuple[Path, list[int] | str]], *, skip: bool) -> None:
    """Raise or log the files that cannot be decoded; an entry is a shape, or the reason."""
    for path, entry in entries:
        if isinstance(entry, str):
            if not skip:
                raise DatasetError(f"{path} cannot be decoded: {entry}")
            logger.warning("skipped %s, which cannot be decoded: %s", path, entry)


def _check_sizes(shapes: Mapping[Path, tuple[int, int]], *, min_side: int, skip: bool) -> None:
    """Raise or log images that are too small."""
    small = [path for path, shape in shapes.items() if min(shape) < min_side]
    if not small:
        return
    found = f"{small[0]} measures {shapes[small[0]]}, a patch needs {min_side} pixels"
    if not skip:
        raise DatasetError(found)
    logger.warning("skipped %d of %d images that are too small: %s", len(small), len(shapes), found)


def _pack(paths: Sequence[Path], packed: Path, index: Path) -> None:
    packed.parent.mkdir(parents=True, exist_ok=True)
    entries: list[tuple[int, ...] | str] = []
    # Two runs that start together pack side by side; the last to finish replaces the same bytes.
    scratch = packed.with_suffix(f".{os.getpid()}.tmp")
    with scratch.open("wb") as file:
        for path in paths:
            try:
                with Image.open(path) as image:
                    pixels = np.asarray(image.convert("RGB"))
            except (OSError, SyntaxError, ValueError) as error:
                entries.append(str(error))
                continue
            file.write(pixels.tobytes())
            entries.append(pixels.shape[:2])
    scratch.replace(packed)
    # Last: its presence says that the pack is whole.
    index.write_text(json.dumps(entries))
