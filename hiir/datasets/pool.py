"""All training images, decoded once into one file that every process maps."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["IMAGE_SUFFIXES", "DatasetError", "ImagePool", "list_images"]

IMAGE_SUFFIXES = frozenset({".avif", ".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


class DatasetError(ValueError):
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
    def open(cls, folders: Sequence[Path], *, cache: Path, min_side: int) -> "ImagePool":
        """Map the packed images of ``folders``, packing them into ``cache`` first if need be.

        The pack is named after the files, their sizes and times: a changed folder is packed anew.

        Raises:
            DatasetError: for an empty folder, a file that cannot be decoded, or an image with a
                side below ``min_side`` pixels.
        """
        paths = [path for folder in folders for path in list_images(folder)]
        stamp = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in paths]
        key = hashlib.sha256(json.dumps(stamp).encode()).hexdigest()[:16]
        packed, index = cache / f"pool-{key}.u8", cache / f"pool-{key}.json"
        if not index.exists():
            _pack(paths, packed, index)
        shapes = [tuple(shape) for shape in json.loads(index.read_text())]
        for path, shape in zip(paths, shapes, strict=True):
            if min(shape) < min_side:
                raise DatasetError(f"{path} measures {shape}, a patch needs {min_side} pixels")
        return cls(samples=np.memmap(packed, np.uint8, "r"), shapes=shapes)


def _pack(paths: Sequence[Path], packed: Path, index: Path) -> None:
    packed.parent.mkdir(parents=True, exist_ok=True)
    shapes = []
    scratch = packed.with_suffix(".tmp")
    with scratch.open("wb") as file:
        for path in paths:
            try:
                with Image.open(path) as image:
                    pixels = np.asarray(image.convert("RGB"))
            except (OSError, SyntaxError, ValueError) as error:
                raise DatasetError(f"{path} cannot be decoded: {error}") from error
            file.write(pixels.tobytes())
            shapes.append(pixels.shape[:2])
    scratch.replace(packed)
    # Last: its presence says that the pack is whole.
    index.write_text(json.dumps(shapes))
