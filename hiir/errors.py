"""The base of the library's own errors.

Whatever derives from it says in its message what was wrong, the limit and the actual value, so
that the command line prints the message alone. Any other exception is a defect and keeps its
traceback. `hiir.imaging`, which is used without the rest of the library, has a tree of its own:
`hiir.imaging.ImagingError`.
"""

__all__ = ["HiirError"]


class HiirError(Exception):
    """Something that was asked for cannot be done; the message says why and what would be."""
