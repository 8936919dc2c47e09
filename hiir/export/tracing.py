"""Suppression of torch's warnings about intentional tracing."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["quiet_tracing"]


@contextmanager
def quiet_tracing() -> Iterator[None]:
    """Suppress the warnings that sizes become constants and that tracing is deprecated.

    Also suppress the warning about the sizes of a padding, which ONNX lists in reverse order: the
    exporter leaves the reversal to the runtime, which folds it when it loads the graph.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "Constant folding - Only steps=1", UserWarning)
        yield
