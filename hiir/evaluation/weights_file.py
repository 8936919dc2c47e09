"""Weights in a safetensors file that the user passes."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from hiir.errors import HiirError

__all__ = ["WeightsFileError", "read_weights"]


class WeightsFileError(HiirError):
    """A weights file is missing or not in the safetensors format; the message names it."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read all tensors of a safetensors file by name.

    Pickled checkpoints (``.pth``) can carry code and are not read: convert them once with
    ``safetensors.torch.save_file(torch.load(path, weights_only=True), new_path)``.

    Raises:
        WeightsFileError: if the file is missing or not a safetensors file.
    """
    if not path.is_file():
        raise WeightsFileError(f"{path} is not a file")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsFileError(
            f"{path} is not a safetensors file ({error}); a pickled checkpoint must be converted: "
            "safetensors.torch.save_file(torch.load(path, weights_only=True), new_path)"
        ) from error
