"""Export formats, and the modules that are traced for them."""

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn

from hiir.imaging import ModelContract

__all__ = ["ExportFormat", "Precision", "Samples", "example_input"]


class Precision(StrEnum):
    """Precision of a graph's computation."""

    FP32 = "fp32"
    FP16 = "fp16"


class Samples(StrEnum):
    """Type and layout of a graph's input and output."""

    FLOAT32 = "float32"
    """``(B, C, H, W)`` float32 in [0, 1]; the output is not clipped."""
    UINT8 = "uint8"
    """``(B, H, W, C)`` uint8 as in files; the graph scales, clips and rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFormat:
    """One format of an exported graph."""

    precision: Precision = Precision.FP32
    samples: Samples = Samples.FLOAT32
    dynamic_size: bool = False
    """Whether H and W are dynamic, padded inside the graph; otherwise they are the contract's tile.
    B is always dynamic.
    """

    @property
    def filename(self) -> str:
        """Name of the ONNX file: ``model.onnx`` has float32 input, output and computation."""
        parts = ["model"]
        if self.dynamic_size:
            parts.append("dynamic")
        if self.samples is Samples.UINT8:
            parts.append("uint8")
        if self.precision is Precision.FP16:
            parts.append("fp16")
        return ".".join([*parts, "onnx"])

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return the float32 module to trace; the model itself is unchanged."""
        return _Bytes(model) if self.samples is Samples.UINT8 else model


class _Bytes(nn.Module):
    """A module with 8-bit input and output, in the layout of image files."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        restored: Tensor = self.model(pixels.permute(0, 3, 1, 2).float() / 255)
        levels = (restored.clamp(0, 1) * 255).round().to(torch.uint8)
        return levels.permute(0, 2, 3, 1)


def example_input(
    contract: ModelContract, form: ExportFormat, *, batch: int, seed: int = 0
) -> Tensor:
    """Return seeded random tiles in the layout and type of a format.

    If the size is dynamic, it is not a multiple of the model's, so that the trace includes the
    padding.
    """
    generator = torch.Generator().manual_seed(seed)
    height, width = contract.tile, contract.tile
    if form.dynamic_size:
        height, width = height - 3, contract.tile + 5
    tiles = torch.rand(batch, contract.input_channels, height, width, generator=generator)
    if form.samples is Samples.UINT8:
        return (tiles.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).contiguous()
    return tiles
