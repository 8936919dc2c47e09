"""Why a GPU server does not start."""

__all__ = ["GpuServerError"]


class GpuServerError(Exception):
    """The server cannot start; the message says what was wrong."""
