"""Tiles with their float32 result, which a server compares its own result with before it serves.

`docker/gpu_server` reads them with the standard library alone, in NVIDIA's image.
"""

import json
from pathlib import Path

import torch
from torch import nn

from hiir.export.parity import noise_and_patches
from hiir.imaging import ModelContract

__all__ = ["FOLDER", "has_reference", "write_reference"]

FOLDER = "reference"
"""Beside the version folder. Triton ignores subfolders whose names are not numbers."""
_INPUT, _OUTPUT, _DESCRIPTION = "input.f32", "output.f32", "reference.json"


@torch.inference_mode()
def write_reference(
    model: nn.Module, contract: ModelContract, folder: Path, *, fingerprint: str
) -> None:
    """Write two tiles and what the module computes of them.

    Args:
        model: float32, in evaluation mode, fused.
        contract: gives channels and tile.
        folder: gets ``input.f32`` and ``output.f32``, raw little-endian float32 of the shapes in
            ``reference.json``: `(2, input_channels, tile, tile)` in [0, 1] and `(2,
            output_channels, tile * scale, tile * scale)`.
        fingerprint: of the graph that is served.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Last, and removed first: without it the folder counts as unwritten.
    description = folder / _DESCRIPTION
    description.unlink(missing_ok=True)
    tiles = noise_and_patches(contract)
    output = model(tiles)
    for name, tensor in ((_INPUT, tiles), (_OUTPUT, output)):
        (folder / name).write_bytes(tensor.contiguous().numpy().astype("<f4").tobytes())
    described = {"fingerprint": fingerprint, "input": tiles.shape, "output": output.shape}
    description.write_text(json.dumps(described))


def has_reference(folder: Path, *, fingerprint: str) -> bool:
    """Return whether `write_reference` has written the folder for this graph."""
    description = folder / _DESCRIPTION
    if not description.is_file():
        return False
    return bool(json.loads(description.read_text())["fingerprint"] == fingerprint)
