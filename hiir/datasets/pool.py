"""All training images, decoded once into one file that every process maps."""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from hiir.errors import HiirError

__all__ = ["IMAGE_SUFFIXES", "DatasetError", "ImagePool", "list_images"]

IMAGE_SUFFIXES = frozenset({".avif", ".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

logger = logging.getLogger(__name__)


class DatasetError(HiirError):
    """A folder or a file cannot be used for training; the message names it."""


def list_images(folder: Path) -> tuple[Path, ...]:
    """Image files directly in a folder, sorted by name; raises `DatasetError` if there are none."""
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise DatasetError(f"{folder} holds no images")
    return tuple(found)


class ImagePool:
    """Images of any size as ``(H, W, 3)`` uint8 views into one memory-mapped file."""

    def __init__(
        self, *, samples: npt.NDArray[np.uint8], shapes: Sequence[tuple[int, int]]
    ) -> None:
        self._samples = samples
        self._shapes = tuple(shapes)
        sizes = [height * width * 3 for height, width in self._shapes]
        self._offsets = [0, *np.cumsum(sizes).tolist()]

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        height, width = self._shapes[index]
        flat = self._samples[self._offsets[index] : self._offsets[index + 1]]
        return flat.reshape(height, width, 3)

    @classmethod
    def open(
        cls, folders: Sequence[Path], *, cache: Path, min_side: int, skip_corrupt: bool = False
    ) -> "ImagePool":
        """Map the packed images of ``folders``, packing them into ``cache`` first if need be.

        The pack is named after the files, their sizes and times: a changed folder is packed anew.

        Args:
            folders: of the images.
            cache: folder of the pack.
            min_side: least side of an image in pixels.
            skip_corrupt: leave out what cannot be decoded, with a warning that names it.

        Raises:
            DatasetError: for an empty folder, a file that cannot be decoded (unless skipped), or
                an image with a side below ``min_side`` pixels.
        """
        paths = [path for folder in folders for path in list_images(folder)]
        stamp = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in paths]
        key = hashlib.sha256(json.dumps(stamp).encode()).hexdigest()[:16]
        packed, index = cache / f"pool-{key}.u8", cache / f"pool-{key}.json"
        if not index.exists():
            _pack(paths, packed, index)
        entries = list(zip(paths, json.loads(index.read_text()), strict=True))
        for path, entry in entries:
            _check(path, entry, min_side=min_side, skip_corrupt=skip_corrupt)
        shapes = [(entry[0], entry[1]) for _, entry in entries if not isinstance(entry, str)]
        if not shapes:
            raise DatasetError(f"none of the {len(paths)} images can be decoded")
        return cls(samples=np.memmap(packed, np.uint8, "r"), shapes=shapes)


def _check(path: Path, entry: list[int] | str, *, min_side: int, skip_corrupt: bool) -> None:
    """Refuse or report what cannot be used; an entry is a shape, or why there is none."""
    if isinstance(entry, str):
        if not skip_corrupt:
            raise DatasetError(f"{path} cannot be decoded: {entry}")
        logger.warning("%s is left out, it cannot be decoded: %s", path, entry)
    elif min(entry) < min_side:
        raise DatasetError(f"{path} measures {tuple(entry)}, a patch needs {min_side} pixels")


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
