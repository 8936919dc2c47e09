"""The base of the library's own errors.

The message of a subclass says what was wrong, the limit and the actual value, so that the command
line prints only the message. Any other exception is a defect and keeps its traceback.
`hiir.imaging`, which can be used without the rest of the library, has its own base class:
`hiir.imaging.ImagingError`.
"""

__all__ = ["HiirError"]


class HiirError(Exception):
    """A request to the library cannot be carried out; the message gives the reason."""
