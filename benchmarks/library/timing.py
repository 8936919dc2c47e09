"""Medians of calls that take turns, so that a busy machine is unfair to none of them."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch

Calls = Mapping[str, Callable[[], object]]


def medians(calls: Calls, *, repeat: int) -> dict[str, float]:
    """Seconds of each call: one warm-up each, then `repeat` rounds of all in turn."""
    for call in calls.values():
        call()
    _finish()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeat):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            _finish()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
