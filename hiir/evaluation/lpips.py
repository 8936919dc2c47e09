"""LPIPS (Zhang et al., 2018): a perceptually weighted distance between AlexNet features.

The weights are not distributed with this package. The user passes a file with AlexNet's
convolutions under torchvision's names (``features.N.weight``) and the five linear layers under
those of the LPIPS authors (``linN.model.1.weight``).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hiir.errors import HiirError
from hiir.evaluation.weights_file import WeightsFileError, read_weights
from hiir.imaging import FloatPixels, Uint8Pixels

__all__ = ["Lpips", "LpipsError"]

# Index in torchvision's `features`, channels in and out, kernel, stride, padding; pooling before.
_CONVOLUTIONS = (
    (0, 3, 64, 11, 4, 2, False),
    (3, 64, 192, 5, 1, 2, True),
    (6, 192, 384, 3, 1, 1, True),
    (8, 384, 256, 3, 1, 1, False),
    (10, 256, 256, 3, 1, 1, False),
)
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


class LpipsError(HiirError):
    """The weights of LPIPS are missing or do not fit; the message names the weights."""


class Lpips:
    """The AlexNet variant, version 0.1."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """Load weights by name; raises `LpipsError` if any is missing or does not fit."""
        self._convolutions = nn.ModuleList()
        self._linear: list[Tensor] = []
        for number, (index, inputs, outputs, kernel, stride, padding, _) in enumerate(
            _CONVOLUTIONS
        ):
            layer = nn.Conv2d(inputs, outputs, kernel, stride, padding)
            state = {
                name: _taken(weights, f"features.{index}.{name}", parameter.shape)
                for name, parameter in layer.named_parameters()
            }
            layer.load_state_dict(state)
            self._convolutions.append(layer.eval().requires_grad_(False))
            name = f"lin{number}.model.1.weight"
            self._linear.append(_taken(weights, name, (1, outputs, 1, 1)))

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Self:
        """Read the weights from one file, or from several files that hold parts of them.

        Raises:
            LpipsError: if a file is missing or not a weights file, or the weights do not fit.
        """
        weights: dict[str, Tensor] = {}
        for path in paths:
            try:
                weights.update(read_weights(path))
            except WeightsFileError as error:
                raise LpipsError(f"LPIPS needs weights: {error}") from error
        return cls(weights)

    @torch.inference_mode()
    def distance(self, a: Uint8Pixels | FloatPixels, b: Uint8Pixels | FloatPixels) -> float:
        """Return the distance of two ``(H, W, 1 or 3)`` images in [0, 255]; 0 if they are equal."""
        total = torch.zeros(())
        for weight, x, y in zip(self._linear, self._features(a), self._features(b), strict=True):
            total += ((_unit(x) - _unit(y)) ** 2 * weight).sum(dim=1).mean()
        return float(total)

    def _features(self, image: Uint8Pixels | FloatPixels) -> list[Tensor]:
        pixels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
        values = pixels.expand(1, 3, -1, -1).clamp(0, 255) / 127.5 - 1
        shift, scale = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (_SHIFT, _SCALE))
        values = (values - shift) / scale
        features = []
        for layer, (*_, pooled) in zip(self._convolutions, _CONVOLUTIONS, strict=True):
            if pooled:
                values = functional.max_pool2d(values, 3, 2)
            values = functional.relu(layer(values))
            features.append(values)
        return features


def _unit(features: Tensor) -> Tensor:
    length = features.square().sum(dim=1, keepdim=True).sqrt()
    normalized: Tensor = features / (length + 1e-10)
    return normalized


def _taken(weights: Mapping[str, Tensor], name: str, shape: Sequence[int]) -> Tensor:
    if name not in weights:
        raise LpipsError(f"LPIPS needs weights: {name} is missing")
    tensor = weights[name].float()
    if tensor.shape != torch.Size(shape):
        raise LpipsError(f"LPIPS: {name} is {tuple(tensor.shape)}, not {tuple(shape)}")
    return tensor
