"""How a training process on a CPU keeps the memory that each step needs again."""

import ctypes
import sys

__all__ = ["keep_freed_memory"]

# Numbers and a bound of mallopt(3).
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = -1


def keep_freed_memory() -> None:
    """Let glibc keep what is freed; elsewhere than on Linux with glibc: nothing.

    glibc would return every large tensor to the system, which then clears each page of the next
    one: a tenth of a training step on a CPU, and at 4 megapixels as much time as the network takes.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
