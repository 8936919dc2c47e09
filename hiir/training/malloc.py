"""Memory allocator settings for training on a CPU."""

import ctypes
import sys

__all__ = ["keep_freed_memory"]

# Numbers and a bound of mallopt(3).
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = -1


def keep_freed_memory() -> None:
    """Make glibc keep freed memory; this has no effect on other systems.

    glibc would return every large tensor to the system, which clears each page of the next one: a
    tenth of a training step on a CPU, and at 4 megapixels as much time as the network takes.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
