"""Ways to run a model on a whole image: here by torch or ONNX Runtime, or through the service.

All of them go through the tiles that the service uses, so that measured figures describe it.
"""

import io
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
import onnxruntime as ort
import torch
from PIL import Image

from hiir.imaging import (
    FloatPixels,
    ModelContract,
    TileEngine,
    Uint8Pixels,
    from_unit,
    restore_bands,
)
from hiir.models.release import Release

__all__ = [
    "OnnxTiles",
    "Restorer",
    "ServiceError",
    "ServiceRestorer",
    "TiledRestorer",
    "TorchTiles",
]

_POLL_S = 0.1
_TERMINAL = frozenset({"succeeded", "failed", "canceled"})


class Restorer(Protocol):
    """Restores one image."""

    def restore(self, image: FloatPixels) -> Uint8Pixels | FloatPixels:
        """Map ``(H, W, C)`` float32 on the scale of [0, 1] to ``(H, W, C)``.

        The result is uint8, or float32 where nothing rounds it.
        """
        ...


class TiledRestorer:
    """Runs a tile engine over the whole image, then clips and rounds to 8 bits."""

    def __init__(self, *, contract: ModelContract, engine: TileEngine) -> None:
        self._contract = contract
        self._engine = engine

    def restore(self, image: FloatPixels) -> Uint8Pixels:
        """Restore ``(H, W, C)`` float32, not clipped, as the service does with 8-bit files."""
        bands = restore_bands(
            image=image,
            contract=self._contract,
            infer=self._engine,
            in_flight=1,
            on_progress=lambda *_: None,
            should_stop=lambda: False,
        )
        return np.concatenate([from_unit(band.rows, np.uint8) for band in bands])


class TorchTiles:
    """A tile engine of the released torch module."""

    def __init__(self, release: Release) -> None:
        self._model = release.model

    @torch.inference_mode()
    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Run one ``(1, C, t, t)`` tile, here and now."""
        return _done(self._model(torch.from_numpy(tile)).numpy())


class OnnxTiles:
    """A tile engine of an exported graph."""

    def __init__(self, path: Path) -> None:
        self._session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Run one ``(1, C, t, t)`` tile, here and now."""
        (output,) = self._session.run(["output"], {"input": tile})
        return _done(output)


class ServiceError(RuntimeError):
    """The running service did not restore an image; the message is its own account."""


class ServiceRestorer:
    """Sends 8-bit PNG files to a running service: what a client gets."""

    def __init__(
        self, *, url: str, task: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        """Describe the service; ``transport`` replaces the network."""
        self._client = httpx.Client(base_url=url, timeout=60, trust_env=False, transport=transport)
        self._task = task

    def restore(self, image: FloatPixels) -> Uint8Pixels:
        """Restore one image; noise is clipped and rounded, as files are.

        Raises:
            ServiceError: when the service refuses or fails.
        """
        file = io.BytesIO()
        Image.fromarray(from_unit(image, np.uint8)).save(file, "PNG")
        try:
            job = self._submit(file.getvalue())
            while job["status"] not in _TERMINAL:
                time.sleep(_POLL_S)
                job = self._get(job["urls"]["self"]).json()
            if job["status"] != "succeeded":
                raise ServiceError(f"the job ended {job['status']}: {job['error']}")
            content = self._get(job["urls"]["result"]).content
        except httpx.HTTPError as error:
            raise ServiceError(f"no answer from {self._client.base_url}: {error!r}") from error
        with Image.open(io.BytesIO(content)) as restored:
            return np.asarray(restored)

    def _submit(self, content: bytes) -> Any:
        files = {"file": ("image.png", content, "image/png")}
        response = self._client.post("/v1/jobs", data={"task": self._task}, files=files)
        return _checked(response).json()

    def _get(self, path: str) -> httpx.Response:
        return _checked(self._client.get(path))


def _checked(response: httpx.Response) -> httpx.Response:
    if not response.is_success:
        raise ServiceError(f"{response.url} answered {response.status_code}: {response.text}")
    return response


def _done(result: FloatPixels) -> Future[FloatPixels]:
    future: Future[FloatPixels] = Future()
    future.set_result(result)
    return future
