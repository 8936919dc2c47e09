"""TensorRT's engines and what is known about them, in a folder for each image and card."""

import json
import os
import re
import subprocess
from pathlib import Path

from gpu_server.errors import GpuServerError
from gpu_server.repository import GpuModel

__all__ = ["EngineCache", "identify_machine"]

_CARD_QUERY = ("nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader")
_IMAGE_VERSION = "NVIDIA_TRITON_SERVER_VERSION"  # set by NVIDIA's image


class EngineCache:
    """A folder below `volume`, to which `link` points.

    An engine fits one TensorRT release and one card only, and TensorRT does not always notice.
    """

    def __init__(self, *, volume: Path, machine: str, link: Path) -> None:
        self._folder = volume / machine
        self._providers = self._folder / "providers.json"
        self._link = link

    @property
    def copies(self) -> Path:
        """Folder for a copy of the model repository."""
        return self._folder / "models"

    def open(self) -> None:
        """Make the folder and the link.

        Raises:
            GpuServerError: if the volume cannot be written to.
        """
        engines = self._folder / "engines"
        try:
            engines.mkdir(parents=True, exist_ok=True)
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(engines)
        except OSError as error:
            raise GpuServerError(
                f"{self._folder} cannot be used for TensorRT's engines: {error}; it must be "
                f"writable for user {os.getuid()}"
            ) from error

    def provider(self, model: GpuModel) -> str | None:
        """Return the provider that an earlier start has chosen for this configuration."""
        known = self._read().get(model.name, {})
        return known.get("provider") if known.get("digest") == model.digest else None

    def remember(self, model: GpuModel, *, provider: str, psnr: float) -> None:
        """Keep the provider that was chosen, and its PSNR in dB to float32."""
        known = self._read()
        # JSON has no infinity.
        shown = f"{psnr:.1f}"
        known[model.name] = {"digest": model.digest, "provider": provider, "psnr": shown}
        scratch = self._providers.with_suffix(".tmp")
        scratch.write_text(json.dumps(known, indent=2))
        scratch.replace(self._providers)

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            known: dict[str, dict[str, str]] = json.loads(self._providers.read_text())
        except (OSError, ValueError):
            return {}
        return known


def identify_machine() -> str:
    """Return a folder name that differs between images, cards and drivers.

    Raises:
        GpuServerError: without a card, or outside NVIDIA's image.
    """
    image = os.environ.get(_IMAGE_VERSION)
    if not image:
        raise GpuServerError(f"{_IMAGE_VERSION} is not set: this runs in NVIDIA's Triton image")
    try:
        shown = subprocess.run(  # noqa: S603 - a constant
            _CARD_QUERY, capture_output=True, text=True, check=True, timeout=60
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise GpuServerError(f"no GPU: {' '.join(_CARD_QUERY)} failed: {error}") from error
    cards = sorted(set(filter(None, map(str.strip, shown.splitlines()))))
    if not cards:
        raise GpuServerError(f"no GPU: {' '.join(_CARD_QUERY)} lists none")
    return re.sub(r"[^A-Za-z0-9.]+", "-", "-".join([image, *cards])).strip("-")
