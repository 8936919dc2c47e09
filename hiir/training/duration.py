"""Lengths of time as the command line takes them."""

import argparse

__all__ = ["duration"]

_UNITS = {"s": 1, "m": 60, "h": 3600}


def duration(text: str) -> float:
    """Seconds of ``540``, ``540s``, ``9m`` or ``2.5h``; raises `ArgumentTypeError` otherwise."""
    factor = _UNITS.get(text[-1:])
    try:
        seconds = float(text if factor is None else text[:-1]) * (factor or 1)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 540s, 9m or 2.5h")
    return seconds
