"""A released model: trained weights in one safetensors file that carries its own contract."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hiir.errors import HiirError
from hiir.imaging import ContractError, ModelContract
from hiir.models.architecture import RestorationModel
from hiir.models.parameter_names import with_current_parameter_names
from hiir.models.presets import build_model
from hiir.models.zoo import ReleaseError, list_releases, read_contract, zoo_path

__all__ = ["Release", "ReleaseError", "list_releases", "load_release", "write_release", "zoo_path"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A model with its trained weights, in evaluation mode, and its contract."""

    model: RestorationModel
    contract: ModelContract


def load_release(name: str) -> Release:
    """Load a shipped model by name; raises `ReleaseError`."""
    path = zoo_path(name)
    if not path.is_file():
        known = ", ".join(list_releases()) or "none"
        raise ReleaseError(f"no model {name!r} is shipped; those shipped are {known}")
    return read_release(path)


def read_release(path: Path) -> Release:
    """Load a weights file; keys must match and values must be finite; raises `ReleaseError`."""
    try:
        with safe_open(path, framework="pt") as file:
            stored = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
        weights = with_current_parameter_names(stored)
        contract = read_contract(path)
        model = build_model(contract.architecture)
        model.load_state_dict(weights, strict=True)
    except (SafetensorError, OSError, ContractError, HiirError, RuntimeError) as error:
        raise ReleaseError(f"{path}: {error}") from error
    if not all(bool(value.isfinite().all()) for value in weights.values()):
        raise ReleaseError(f"{path}: holds weights that are not finite")
    return Release(model=model.eval().fuse(), contract=contract)


def write_release(
    path: Path, *, weights: dict[str, Tensor], contract: ModelContract, dtype: torch.dtype
) -> None:
    """Write weights with their contract (without its ``sha256``) atomically."""
    metadata = contract.to_parameters()
    del metadata["sha256"]
    scratch = path.with_suffix(".tmp")
    stored = {name: tensor.detach().to(dtype).contiguous() for name, tensor in weights.items()}
    save_file(stored, scratch, metadata={**metadata, "format": "pt"})
    scratch.replace(path)
