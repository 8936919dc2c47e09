"""libvips: 16-bit samples, color conversion, and files that are written in strips.

It is loaded when it is first needed, in a separate process (`codec_process`): neither the API nor a
worker that is about to fork has its threads.
"""

from functools import cache
from typing import Any


@cache
def libvips() -> Any:
    """Return the configured binding, which has no type annotations."""
    import pyvips  # noqa: PLC0415

    # Results are cached by filename, and every unnamed file has the same one.
    pyvips.cache_set_max(0)
    return pyvips
