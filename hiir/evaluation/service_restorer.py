"""A restorer that uses a running service, as a client does."""

import io
import time
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
from PIL import Image

from hiir.degradations.mosaic import mosaic
from hiir.errors import HiirError
from hiir.imaging import BayerPattern, FloatPixels, Uint8Pixels, from_unit

__all__ = ["ServiceError", "ServiceRestorer"]

_POLL_S = 0.1
_TERMINAL = frozenset({"succeeded", "failed", "canceled"})


class ServiceError(HiirError):
    """The running service did not restore an image; the message is that of the service."""


class ServiceRestorer:
    """Sends 8-bit PNG files to a running service, as a client does.

    Six channels are sent as two files, the views of a dual-pixel sensor. For demosaicking the
    mosaic is sent, which an image demosaicked with Malvar's filters still contains.
    """

    def __init__(
        self,
        *,
        url: str,
        task: str,
        pattern: BayerPattern | None = None,
        noise_level: float | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Create the restorer; ``transport`` replaces the network.

        ``pattern`` is that of the mosaic to send, for demosaicking. ``noise_level`` is an input of
        a denoising model; the service estimates it by default.
        """
        self._client = httpx.Client(base_url=url, timeout=60, trust_env=False, transport=transport)
        self._task = task
        self._pattern = pattern
        self._noise_level = noise_level

    def restore(self, image: FloatPixels) -> Uint8Pixels:
        """Restore one image; noise is clipped and rounded, as in a file.

        Raises:
            ServiceError: if the service rejects the image or fails.
        """
        sent = image if self._pattern is None else mosaic(image, self._pattern)
        views = _views(from_unit(sent, np.uint8))
        try:
            job = self._submit([_to_png(view) for view in views])
            while job["status"] not in _TERMINAL:
                time.sleep(_POLL_S)
                job = self._get(job["urls"]["self"]).json()
            if job["status"] != "succeeded":
                raise ServiceError(f"the job ended {job['status']}: {job['error']}")
            content = self._get(job["urls"]["result"]).content
        except httpx.HTTPError as error:
            raise ServiceError(f"no answer from {self._client.base_url}: {error!r}") from error
        with Image.open(io.BytesIO(content)) as restored:
            pixels = np.asarray(restored)
        return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels

    def _submit(self, views: Sequence[bytes]) -> Any:
        files = {
            name: ("image.png", content, "image/png")
            for name, content in zip(("file", "file_right"), views, strict=False)
        }
        data = {"task": self._task}
        if self._pattern is not None:
            data["pattern"] = self._pattern.value.upper()
        if self._noise_level is not None:
            data["noise_level"] = f"{self._noise_level:g}"
        response = self._client.post("/v1/jobs", data=data, files=files)
        return _checked(response).json()

    def _get(self, path: str) -> httpx.Response:
        return _checked(self._client.get(path))


def _views(pixels: Uint8Pixels) -> Sequence[Uint8Pixels]:
    return [pixels[..., :3], pixels[..., 3:]] if pixels.shape[2] == 6 else [pixels]


def _to_png(pixels: Uint8Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def _checked(response: httpx.Response) -> httpx.Response:
    if not response.is_success:
        raise ServiceError(f"{response.url} answered {response.status_code}: {response.text}")
    return response
