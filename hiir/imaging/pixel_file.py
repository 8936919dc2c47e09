"""Pixels in an unnamed file: an image of any size that takes no memory."""

import errno
import os
import tempfile
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hiir.imaging.pixels import Pixels

DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Errors of a write to a disk that is full, or to a user's exhausted disk quota."""


class PixelFile:
    """`(H, W, C)` or `(H, W)` samples that are read and written by rows (a `PixelRows`).

    The file has no name and is removed when the last process closes it. It is in the system's
    folder for temporary files (`TMPDIR`), and rows that were never written are 0.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: npt.DTypeLike, *, fd: int | None = None
    ) -> None:
        """Create a file, or take over one that is open as `fd`.

        Raises:
            OSError: if the disk is full.
        """
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._row_bytes = int(np.prod(shape[1:])) * self.dtype.itemsize
        if fd is None:
            with tempfile.TemporaryFile() as file:
                fd = os.dup(file.fileno())
            try:
                # The space is allocated first, so that a full disk is detected before any work is
                # done.
                os.posix_fallocate(fd, 0, shape[0] * self._row_bytes)
            except OSError:
                os.close(fd)
                raise
        self.fd = fd

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)

    def __getitem__(self, rows: slice) -> Pixels:
        """Return the rows as a new array."""
        top, bottom, _ = rows.indices(self.shape[0])
        samples = np.empty((max(bottom - top, 0), *self.shape[1:]), self.dtype)
        if samples.size:
            self._move(os.preadv, _bytes_of(samples), top)
        return samples

    def __setitem__(self, rows: slice, samples: Pixels) -> None:
        top, bottom, _ = rows.indices(self.shape[0])
        wanted = (bottom - top, *self.shape[1:])
        if samples.shape != wanted or samples.dtype != self.dtype:
            raise ValueError(f"expected {wanted} {self.dtype}, got {samples.shape} {samples.dtype}")
        if samples.size:
            self._move(os.pwritev, _bytes_of(np.ascontiguousarray(samples)), top)

    def _move(self, call: Any, data: memoryview, top: int) -> None:
        place = top * self._row_bytes
        while data:
            count = call(self.fd, [data], place)
            if count == 0:
                raise OSError("the file of pixels is shorter than its rows")
            data, place = data[count:], place + count


def _bytes_of(samples: Pixels) -> memoryview:
    return samples.reshape(-1).view(np.uint8).data
