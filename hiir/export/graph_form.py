"""The forms in which a model leaves the library, and the module that is traced for each."""

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn

from hiir.imaging import ModelContract

__all__ = ["ExportFormat", "Precision", "Samples", "example_input"]


class Precision(StrEnum):
    """What a graph computes in."""

    FP32 = "fp32"
    FP16 = "fp16"


class Samples(StrEnum):
    """What goes into a graph and comes out of it."""

    FLOAT32 = "float32"
    """``(B, C, H, W)`` in [0, 1], not clipped on its way out."""
    UINT8 = "uint8"
    """``(B, H, W, C)`` in [0, 255] as files hold it: scaled, clipped and rounded in the graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFormat:
    """One way to write a graph down."""

    precision: Precision = Precision.FP32
    samples: Samples = Samples.FLOAT32
    dynamic_size: bool = False
    """Any H and W, padded inside the graph; else those of the contract's tile. B is always free."""

    @property
    def filename(self) -> str:
        """Of the ONNX file: ``model.onnx`` is float32 in, out and between."""
        parts = ["model"]
        if self.dynamic_size:
            parts.append("dynamic")
        if self.samples is Samples.UINT8:
            parts.append("uint8")
        if self.precision is Precision.FP16:
            parts.append("fp16")
        return ".".join([*parts, "onnx"])

    def wrap(self, model: nn.Module) -> nn.Module:
        """The module in float32 whose trace becomes the graph; the model itself stays as it is."""
        return _Bytes(model) if self.samples is Samples.UINT8 else model


class _Bytes(nn.Module):
    """8-bit pixels outside, in the layout of files."""

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
    """Seeded random tiles in a form's layout and type.

    Where the size is free they are not a multiple of the model's, so that a trace takes the padding
    along.
    """
    generator = torch.Generator().manual_seed(seed)
    height, width = contract.tile, contract.tile
    if form.dynamic_size:
        height, width = height - 3, contract.tile + 5
    tiles = torch.rand(batch, contract.input_channels, height, width, generator=generator)
    if form.samples is Samples.UINT8:
        return (tiles.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).contiguous()
    return tiles
