"""The shipped weights files and their contracts, read without torch."""

import hashlib
from importlib.resources import files
from pathlib import Path

from safetensors import SafetensorError, safe_open

from hiir.errors import HiirError
from hiir.imaging.contract import ModelContract
from hiir.imaging.errors import ContractError

__all__ = ["ReleaseError", "list_releases", "read_contract", "zoo_path"]


class ReleaseError(HiirError):
    """A weights file is missing, damaged, or does not fit its architecture."""


def zoo_path(name: str) -> Path:
    """Return the path of a shipped model's weights."""
    return Path(str(files("hiir"))) / "zoo" / f"{name}.safetensors"


def list_releases() -> tuple[str, ...]:
    """Names of the shipped models."""
    return tuple(sorted(path.stem for path in zoo_path("any").parent.glob("*.safetensors")))


def read_contract(path: Path) -> ModelContract:
    """Read the contract of a weights file, with the file's hash; raises `ReleaseError`."""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        # A file cannot hold its own hash: it is the one part of the contract that is computed.
        metadata.pop("format", None)
        return ModelContract.from_parameters({**metadata, "sha256": sha256})
    except (SafetensorError, OSError, ContractError) as error:
        raise ReleaseError(f"{path}: {error}") from error
