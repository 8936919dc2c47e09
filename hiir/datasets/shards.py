"""Images in tar archives of bounded size, for machines that receive data in parts."""

import logging
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from hiir.datasets.packed_images import DatasetError, PackedImages, list_images

__all__ = ["ShardFolder", "write_shards"]

_BLOCK = 512  # of a tar archive: header and content are filled up to multiples
_PATTERN = "shard-*.tar"

logger = logging.getLogger(__name__)


def write_shards(
    root: Path,
    folders: Sequence[str],
    output: Path,
    *,
    max_bytes: int,
    first: Sequence[str] = (),
    seed: int = 0,
) -> tuple[Path, ...]:
    """Write the images of some folders into tar archives, with paths relative to ``root``.

    Extracted into one folder in any order, the archives reproduce these files byte for byte. Images
    are shuffled, so that each archive is a fair sample of all folders. The archives are not
    compressed, because JPEG, WebP and PNG files already are.

    Args:
        root: root folder of the data.
        folders: folders below ``root``.
        output: folder of the archives, which are named ``shard-01.tar`` and so on.
        max_bytes: maximum size of an archive.
        first: folders below ``root`` whose images precede all others, such as validation images.
        seed: seed of the order.

    Raises:
        DatasetError: if a folder is empty, or an image is larger than an archive.
    """
    output.mkdir(parents=True, exist_ok=True)
    before = [path for folder in first for path in list_images(root / folder)]
    paths = [path for folder in folders for path in list_images(root / folder)]
    order = np.random.default_rng(seed).permutation(len(paths))
    shuffled = [paths[index] for index in order]
    shards = []
    for number, members in enumerate(_split([*before, *shuffled], max_bytes), start=1):
        shard = output / f"shard-{number:02d}.tar"
        with tarfile.open(shard, "w", format=tarfile.USTAR_FORMAT) as archive:
            for path in members:
                archive.add(path, arcname=str(path.relative_to(root)))
        shards.append(shard)
    return tuple(shards)


def _split(paths: Sequence[Path], max_bytes: int) -> Iterator[list[Path]]:
    # An archive ends with zeros up to a multiple of its record.
    room = max_bytes - tarfile.RECORDSIZE - 2 * _BLOCK
    shard: list[Path] = []
    filled = 0
    for path in paths:
        size = _BLOCK + -(-path.stat().st_size // _BLOCK) * _BLOCK
        if size > room:
            raise DatasetError(f"{path} does not fit a shard of {max_bytes} bytes")
        if filled + size > room:
            yield shard
            shard, filled = [], 0
        shard.append(path)
        filled += size
    if shard:
        yield shard


class ShardFolder:
    """Archives that arrive in a folder over time and are extracted into a root folder."""

    def __init__(
        self, folder: Path, *, root: Path, train: Sequence[str], cache: Path, min_side: int
    ) -> None:
        """Create the reader.

        Args:
            folder: folder where archives arrive; each is moved there as a whole, or copied.
            root: folder that images are extracted into.
            train: folders below ``root`` with the training images.
            cache: folder of the packed images.
            min_side: minimum side of an image in pixels; smaller ones are skipped.
        """
        self._folder, self._root = folder, root
        self._train = tuple(root / name for name in train)
        self._cache, self._min_side = cache, min_side
        self._seen: dict[Path, int] = {}
        self._members: set[Path] = set()
        self._pool: PackedImages | None = None

    def scan(self) -> PackedImages | None:
        """Extract new archives; returns all images so far, or None if nothing new has arrived.

        A truncated archive is skipped, with a warning, until its size changes.
        """
        arrived = [
            path
            for path in sorted(self._folder.glob(_PATTERN))
            if self._seen.get(path) != path.stat().st_size
        ]
        grown = False
        for path in arrived:
            self._seen[path] = path.stat().st_size
            try:
                members = self._unpack(path)
            except (OSError, tarfile.TarError) as error:
                logger.warning(
                    "skipped %s (%.1f MiB), which cannot be extracted: %s",
                    *(path, self._seen[path] / 2**20, error),
                )
                continue
            fresh = [m for m in members if m.parent in self._train and m not in self._members]
            self._members.update(fresh)
            grown |= self._add(fresh, path)
        return self._pool if grown else None

    def _unpack(self, path: Path) -> list[Path]:
        self._root.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path) as archive:
            archive.extractall(self._root, filter="data")
            return [self._root / name for name in archive.getnames()]

    def _add(self, members: Sequence[Path], shard: Path) -> bool:
        if not members:
            return False
        found = PackedImages.from_files(
            members,
            cache=self._cache,
            min_side=self._min_side,
            skip_corrupt=True,
            skip_small=True,
        )
        self._pool = found if self._pool is None else self._pool + found
        logger.info("%s: added %d images, %d in total", shard.name, len(found), len(self._pool))
        return True
