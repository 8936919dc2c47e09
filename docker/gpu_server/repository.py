"""The model repository that `hiir export --target gpu` writes, and a copy with other providers."""

import hashlib
import json
import math
import shutil
from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpu_server.errors import GpuServerError

__all__ = ["GpuModel", "copy_repository", "read_models"]

_REFERENCE = "reference"
_FALLBACK = "config.cuda.pbtxt"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuModel:
    """One model of the repository, with its reference tiles."""

    folder: Path
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name in the repository."""
        return self.folder.name

    @property
    def digest(self) -> str:
        """Hash of the configuration and of the reference: both change with weights and graph."""
        digest = hashlib.sha256((self.folder / "config.pbtxt").read_bytes())
        digest.update((self.folder / _REFERENCE / "reference.json").read_bytes())
        return digest.hexdigest()

    def read_input(self) -> bytes:
        """Return the tiles, raw little-endian float32 of `input_shape`."""
        return (self.folder / _REFERENCE / "input.f32").read_bytes()

    def psnr(self, output: bytes) -> float:
        """Compare a server's output with the float32 result.

        Args:
            output: raw little-endian float32 of `output_shape`.

        Returns:
            PSNR in dB with the largest float32 value as its peak; -inf for output of another size
            or with values that are not finite.
        """
        expected, actual = (
            array("f", values)
            for values in ((self.folder / _REFERENCE / "output.f32").read_bytes(), output)
        )
        if len(expected) != len(actual) or not all(map(math.isfinite, actual)):
            return -math.inf
        squares = math.fsum((a - b) ** 2 for a, b in zip(expected, actual, strict=True))
        if squares == 0:
            return math.inf
        return 20 * math.log10(max(map(abs, expected)) / math.sqrt(squares / len(expected)))


def read_models(repository: Path, names: Sequence[str]) -> list[GpuModel]:
    """Read the named models, or all of the repository.

    Raises:
        GpuServerError: for a name that the repository does not have, an empty repository, or a
            model that was not exported for a GPU.
    """
    found = sorted(path.parent.name for path in repository.glob("*/config.pbtxt"))
    if not found:
        raise GpuServerError(f"{repository} contains no model: run `make export TARGET=gpu`")
    if missing := [name for name in names if name not in found]:
        raise GpuServerError(
            f"HIIR_MODELS names {', '.join(missing)}, but {repository} contains {', '.join(found)}"
        )
    return [_read_model(repository / name) for name in dict.fromkeys(names or found)]


def copy_repository(models: Sequence[GpuModel], target: Path, *, fallback: Collection[str]) -> Path:
    """Copy models into a new repository, those named in `fallback` with the CUDA configuration.

    Copied rather than linked: whether Triton follows a link depends on its release.
    """
    shutil.rmtree(target, ignore_errors=True)
    for model in models:
        shutil.copytree(model.folder / "1", target / model.name / "1")
        config = Path(_REFERENCE, _FALLBACK) if model.name in fallback else Path("config.pbtxt")
        shutil.copyfile(model.folder / config, target / model.name / "config.pbtxt")
    return target


def _read_model(folder: Path) -> GpuModel:
    try:
        described = json.loads((folder / _REFERENCE / "reference.json").read_text())
    except FileNotFoundError:
        raise GpuServerError(
            f"{folder} was not exported for a GPU: run `make export TARGET=gpu`, and mount "
            "model_repository_gpu"
        ) from None
    return GpuModel(
        folder=folder,
        input_shape=tuple(described["input"]),
        output_shape=tuple(described["output"]),
    )
