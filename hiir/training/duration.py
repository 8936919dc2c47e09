"""Durations on the command line."""

import argparse

__all__ = ["duration"]

_UNITS = {"s": 1, "m": 60, "h": 3600}


def duration(text: str) -> float:
    """Parse seconds from ``540``, ``540s``, ``9m`` or ``2.5h``, else raise `ArgumentTypeError`."""
    factor = _UNITS.get(text[-1:])
    try:
        seconds = float(text if factor is None else text[:-1]) * (factor or 1)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 540s, 9m or 2.5h")
    return seconds
