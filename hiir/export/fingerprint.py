"""What an exported file was made from, in one line that changes when any of it does."""

import hashlib
from importlib.resources import files
from pathlib import Path

from hiir.imaging import ModelContract

__all__ = ["fingerprint"]

_SOURCES = ("export", "layers", "models")


def fingerprint(contract: ModelContract, form: str) -> str:
    """Hash of the weights, of the form, and of the code that makes a file of them."""
    digest = hashlib.sha256(f"{contract.sha256} {contract.tile} {form}".encode())
    for package in _SOURCES:
        for source in sorted(Path(str(files(f"hiir.{package}"))).glob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()
