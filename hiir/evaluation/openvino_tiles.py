"""A tile engine that runs an exported graph in OpenVINO, as on a CPU in production."""

from concurrent.futures import Future
from pathlib import Path

import numpy as np
import openvino as ov

from hiir.evaluation.restorer import RestorerError
from hiir.imaging import FloatPixels

__all__ = ["OpenVinoTiles", "has_bfloat16"]

_HINTS = {"fp32": "f32", "bf16": "bf16"}


def has_bfloat16() -> bool:
    """Return whether this processor supports bfloat16."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoTiles:
    """A tile engine of an exported graph, on the CPU."""

    def __init__(self, path: Path, *, precision: str = "fp32") -> None:
        """Compile the graph.

        Args:
            path: path of the ONNX file.
            precision: precision of the computation, ``fp32`` or ``bf16``.

        Raises:
            RestorerError: if the precision is unknown or this processor does not support it.
        """
        if precision not in _HINTS:
            raise RestorerError(f"precision {precision!r} is not one of {', '.join(_HINTS)}")
        if precision == "bf16" and not has_bfloat16():
            raise RestorerError("this processor does not compute in bfloat16; use fp32")
        core = ov.Core()
        model = core.read_model(path)
        height, width = list(model.input(0).partial_shape)[2:]
        self.any_size = bool(height.is_dynamic and width.is_dynamic)
        """Whether height and width of the graph are dynamic."""
        options = {"INFERENCE_PRECISION_HINT": _HINTS[precision], "PERFORMANCE_HINT": "LATENCY"}
        self._request = core.compile_model(model, "CPU", options).create_infer_request()

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Run one ``(1, C, h, w)`` float32 tile synchronously."""
        future: Future[FloatPixels] = Future()
        future.set_result(np.array(self._request.infer([tile])[0]))
        return future
