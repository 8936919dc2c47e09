"""Fingerprints of exported files, which change when anything that they depend on changes."""

import hashlib
from importlib.resources import files
from pathlib import Path

from hiir.imaging import ModelContract

__all__ = ["fingerprint"]

_SOURCES = ("export", "layers", "models")


def fingerprint(contract: ModelContract, form: str) -> str:
    """Hash the weights, the format, and the code that writes the file."""
    digest = hashlib.sha256(f"{contract.sha256} {contract.tile} {form}".encode())
    for package in _SOURCES:
        for source in sorted(Path(str(files(f"hiir.{package}"))).glob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()
