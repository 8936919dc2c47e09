"""Images in archives of a bounded size, for machines that take data in parts."""

import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from hiir.datasets.pool import DatasetError, list_images

__all__ = ["write_parts"]

_BLOCK = 512  # of a tar archive: header and content are filled up to multiples


def write_parts(
    root: Path, folders: Sequence[str], output: Path, *, max_bytes: int
) -> tuple[Path, ...]:
    """Write the images of some folders into tar archives, as files below ``root``.

    Unpacked into one folder, in any order, they are that root again. Files are not compressed
    once more: they are JPEG, WebP or PNG.

    Args:
        root: of the data.
        folders: below it.
        output: folder of the archives, named ``part-01.tar`` and so on.
        max_bytes: size of an archive at most.

    Raises:
        DatasetError: for an empty folder, or an image that is larger than a part.
    """
    output.mkdir(parents=True, exist_ok=True)
    paths = [path for folder in folders for path in list_images(root / folder)]
    parts = []
    for number, members in enumerate(_split(paths, max_bytes), start=1):
        part = output / f"part-{number:02d}.tar"
        with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as archive:
            for path in members:
                archive.add(path, arcname=str(path.relative_to(root)))
        parts.append(part)
    return tuple(parts)


def _split(paths: Sequence[Path], max_bytes: int) -> Iterator[list[Path]]:
    # An archive ends with zeros up to a multiple of its record.
    room = max_bytes - tarfile.RECORDSIZE - 2 * _BLOCK
    part: list[Path] = []
    filled = 0
    for path in paths:
        size = _BLOCK + -(-path.stat().st_size // _BLOCK) * _BLOCK
        if size > room:
            raise DatasetError(f"{path} does not fit a part of {max_bytes} bytes")
        if filled + size > room:
            yield part
            part, filled = [], 0
        part.append(path)
        filled += size
    if part:
        yield part
