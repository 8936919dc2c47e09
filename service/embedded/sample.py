"""Restores the bundled sample through the running service, and measures the gain in PSNR."""

import asyncio
import io
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_TASK = "denoise"
_CLEAN, _NOISY = "astronaut.png", "astronaut_sigma25.png"
_TERMINAL = {"succeeded", "failed", "canceled"}
_POLL_S = 0.2
_TIMEOUT_S = 300.0
WANTED_GAIN_DB = 5.0


class SampleError(Exception):
    """The sample was not restored; the message gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleReport:
    """Result for the sample; PSNR in dB against the clean crop."""

    result: Path
    psnr_before: float
    psnr_after: float
    seconds: float

    @property
    def good(self) -> bool:
        """Whether the gain is as large as expected for the model."""
        return self.psnr_after - self.psnr_before >= WANTED_GAIN_DB

    def __str__(self) -> str:
        return (
            f"sample restored in {self.seconds:.1f} s: {self.result}\n"
            f"PSNR {self.psnr_before:.2f} dB before, {self.psnr_after:.2f} dB after "
            f"(gain {self.psnr_after - self.psnr_before:+.2f} dB, "
            f"required {WANTED_GAIN_DB:+.2f} dB)"
        )


async def restore_sample(
    *, api_url: str, samples: Path, out_dir: Path, api_key: str | None = None
) -> SampleReport:
    """Submit the noisy sample, wait, and save the result in `out_dir`.

    Raises:
        SampleError: if the service refuses the sample, fails or takes too long, or if the sample is
            missing.
    """
    noisy, clean = _load(samples / _NOISY), _load(samples / _CLEAN)
    started = time.monotonic()
    try:
        headers = {} if api_key is None else {"X-API-Key": api_key}
        async with httpx.AsyncClient(
            base_url=api_url, headers=headers, timeout=60, trust_env=False
        ) as client:
            async with asyncio.timeout(_TIMEOUT_S):
                content = await _restore(client, noisy)
    except httpx.HTTPError as error:
        raise SampleError(f"no response from {api_url}: {error!r}") from error
    except TimeoutError as error:
        raise SampleError(f"the sample was not restored within {_TIMEOUT_S:.0f} s") from error
    seconds = time.monotonic() - started
    result = _write(out_dir / "astronaut_restored.png", content)
    reference = _decode(clean)
    return SampleReport(
        result=result,
        psnr_before=psnr(reference, _decode(noisy)),
        psnr_after=psnr(reference, _decode(content)),
        seconds=seconds,
    )


def psnr(reference: NDArray[np.uint8], image: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio in dB of two 8-bit images of equal shape."""
    if reference.shape != image.shape:
        raise SampleError(f"the result has shape {image.shape}, expected {reference.shape}")
    error = np.mean(np.square(reference.astype(np.float64) - image))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


async def _restore(client: httpx.AsyncClient, content: bytes) -> bytes:
    response = await client.post(
        "/v1/jobs", data={"task": _TASK}, files={"file": (_NOISY, content, "image/png")}
    )
    job = _expect(response, httpx.codes.ACCEPTED).json()
    while job["status"] not in _TERMINAL:
        await asyncio.sleep(_POLL_S)
        job = _expect(await client.get(job["urls"]["self"]), httpx.codes.OK).json()
    if job["status"] != "succeeded":
        raise SampleError(f"the job ended {job['status']}: {job}")
    return _expect(await client.get(job["urls"]["result"]), httpx.codes.OK).content


def _expect(response: httpx.Response, status: int) -> httpx.Response:
    if response.status_code != status:
        raise SampleError(
            f"{response.request.url} answered {response.status_code}: {response.text}"
        )
    return response


def _load(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SampleError(f"cannot read the sample: {error}") from error


def _decode(content: bytes) -> NDArray[np.uint8]:
    """Decode an image to `(H, W, 3)` uint8 RGB pixels."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise SampleError(f"the response is not an image: {error}") from error


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
