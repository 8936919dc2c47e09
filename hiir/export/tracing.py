"""Silence for what torch says about tracing, where it is meant."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["quiet_tracing"]


@contextmanager
def quiet_tracing() -> Iterator[None]:
    """Do not warn that sizes become constants of a trace, nor that tracing is of the old kind.

    Nor of the sizes of a padding, which ONNX lists the other way round: that the exporter leaves
    the turning to the runtime costs nothing, which folds it when it loads the graph.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "Constant folding - Only steps=1", UserWarning)
        yield
