"""libvips: 16-bit samples, color conversion, and files written by strips.

It is loaded where it is first needed, which is a process of its own (`codec_process`): neither the
API nor a worker that is about to fork has its threads.
"""

from functools import cache
from typing import Any


@cache
def libvips() -> Any:
    """The binding, set up; it has no types."""
    import pyvips  # noqa: PLC0415

    # Results are remembered by the name of their file, and every unnamed file has the same one.
    pyvips.cache_set_max(0)
    return pyvips
