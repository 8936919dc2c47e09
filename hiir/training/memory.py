"""How the process keeps the memory that each step needs again."""

import ctypes
import os
import sys
from pathlib import Path

__all__ = ["keep_freed_memory"]

# Numbers and a bound of mallopt(3), a number of madvise(2).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_NEVER = -1
_HUGE_PAGES = 14
_RESERVE = 1 << 30  # bytes of address space, taken twice; memory is taken when it is written


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, in huge pages; elsewhere than on Linux with glibc: nothing.

    It would return every large tensor to the system, which then clears each page of the next one:
    a tenth of a training step on a CPU, and at 4 megapixels as much time as the network takes. A
    step goes through hundreds of megabytes: in pages of 4 kB the CPU looks up where they are all
    the time.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
        _ask_for_huge_pages(libc)


def _ask_for_huge_pages(libc: ctypes.CDLL) -> None:
    """Let the heap grow at once, and ask for huge pages in all of it; the kernel may refuse."""
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    reserve = min(_RESERVE, memory // 8)
    libc.mallopt(_TOP_PAD, reserve)
    libc.free(libc.malloc(reserve))
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith("[heap]"):
            start, end = (int(address, 16) for address in line.split()[0].split("-"))
            libc.madvise(start, end - start, _HUGE_PAGES)
