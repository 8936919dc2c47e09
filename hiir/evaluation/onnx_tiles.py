"""A tile engine that runs an exported graph in ONNX Runtime."""

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import onnxruntime as ort

from hiir.evaluation.restorer import RestorerError
from hiir.imaging import FloatPixels

__all__ = ["CPU_PROVIDER", "OnnxTiles"]

CPU_PROVIDER = "CPUExecutionProvider"


class OnnxTiles:
    """A tile engine of an exported graph."""

    def __init__(self, path: Path, *, providers: Sequence[str] = (CPU_PROVIDER,)) -> None:
        """Load the graph.

        Args:
            path: path of the ONNX file.
            providers: execution providers of ONNX Runtime, the preferred one first; each runs the
                nodes that the previous ones do not support.

        Raises:
            RestorerError: if this build of ONNX Runtime lacks a provider, or a provider does not
                start; the message lists the available ones.
        """
        available = ort.get_available_providers()
        missing = [name for name in providers if name not in available]
        if missing:
            raise RestorerError(
                f"ONNX Runtime {ort.__version__} has no {', '.join(missing)}; it has "
                f"{', '.join(available)}"
            )
        self._session = ort.InferenceSession(path, providers=list(providers))
        # It falls back to the CPU in silence when a provider's libraries are missing.
        started = self._session.get_providers()
        stopped = [name for name in providers if name not in started]
        if stopped:
            raise RestorerError(f"{', '.join(stopped)} did not start; running: {started}")

    @property
    def any_size(self) -> bool:
        """Whether height and width of the graph are dynamic."""
        return not isinstance(self._session.get_inputs()[0].shape[-1], int)

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Run one ``(1, C, h, w)`` float32 tile synchronously."""
        (output,) = self._session.run(["output"], {"input": tile})
        future: Future[FloatPixels] = Future()
        future.set_result(output)
        return future
