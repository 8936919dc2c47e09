"""Loss functions."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from hiir.errors import HiirError
from hiir.evaluation.weights_file import WeightsFileError, read_weights

__all__ = ["Loss", "LossConfig", "LossError", "build_loss"]


class LossError(HiirError):
    """A loss cannot be built; the message says what is missing."""


class _Kind(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class L1(_Kind):
    """Mean absolute error."""

    kind: Literal["l1"] = "l1"


class Charbonnier(_Kind):
    """Charbonnier loss: the mean of sqrt(error² + eps²), a differentiable L1."""

    kind: Literal["charbonnier"] = "charbonnier"
    eps: float = Field(default=1e-3, gt=0)


class Psnr(_Kind):
    """Mean over the images of ln(mean squared error + eps), so that decibels count equally.

    Chen et al., "HINet", 2021. ``eps`` limits the weight of images that are nearly perfect, such as
    flat patches: below it an error counts as a squared error.
    """

    kind: Literal["psnr"] = "psnr"
    eps: float = Field(default=3e-4, gt=0)


class SmoothL1(_Kind):
    """Quadratic below ``beta``, linear above."""

    kind: Literal["smooth-l1"] = "smooth-l1"
    beta: float = Field(default=1.0, gt=0)


class SmoothL1Perceptual(_Kind):
    """Smooth L1 plus a distance of VGG-16 features, combined as in TransWeather."""

    kind: Literal["smooth-l1-perceptual"] = "smooth-l1-perceptual"
    beta: float = Field(default=1.0, gt=0)
    weight: float = Field(default=0.04, gt=0)
    features: Path | None = None
    """Checkpoint of VGG-16 in safetensors, with torchvision's names (``features.N.weight``)."""


LossConfig: TypeAlias = Annotated[
    L1 | Charbonnier | Psnr | SmoothL1 | SmoothL1Perceptual, Field(discriminator="kind")
]


class Loss(nn.Module):
    """Maps restored and clean ``(B, C, H, W)`` float32 to a scalar."""

    def __init__(self, config: LossConfig, perceptual: "VggDistance | None" = None) -> None:
        super().__init__()
        self.config = config
        self.perceptual = perceptual

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the loss, the mean over all samples."""
        match self.config:
            case L1():
                return functional.l1_loss(restored, clean)
            case Charbonnier(eps=eps):
                return torch.sqrt((restored - clean).square() + eps**2).mean()
            case Psnr(eps=eps):
                return ((restored - clean).square().mean(dim=(1, 2, 3)) + eps).log().mean()
            case SmoothL1(beta=beta):
                return functional.smooth_l1_loss(restored, clean, beta=beta)
            case SmoothL1Perceptual(beta=beta, weight=weight):
                assert self.perceptual is not None  # noqa: S101 - build_loss sees to it
                near = functional.smooth_l1_loss(restored, clean, beta=beta)
                total: Tensor = near + weight * self.perceptual(restored, clean)
                return total


def build_loss(config: LossConfig) -> Loss:
    """Build a loss.

    Raises:
        LossError: for a perceptual loss without its features.
    """
    if not isinstance(config, SmoothL1Perceptual):
        return Loss(config)
    if config.features is None:
        raise LossError(
            "the perceptual loss needs the features of VGG-16: set loss.features to a safetensors "
            "file with torchvision's names (features.0.weight ... features.14.bias)"
        )
    try:
        weights = read_weights(config.features)
    except WeightsFileError as error:
        raise LossError(f"the perceptual loss needs the features of VGG-16: {error}") from error
    return Loss(config, VggDistance(weights))


# Index in torchvision's `features`, channels out; the layers up to conv3_3.
_VGG = ((0, 64), (2, 64), (5, 128), (7, 128), (10, 256), (12, 256), (14, 256))
_POOL_BEFORE = frozenset({5, 10})
# The features that are compared: relu1_2, relu2_2, relu3_3 (Johnson et al., 2016).
_COMPARED = frozenset({2, 7, 14})
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VggDistance(nn.Module):
    """Mean squared distance of the features of a frozen VGG-16."""

    mean: Tensor
    std: Tensor

    def __init__(self, weights: dict[str, Tensor]) -> None:
        """Load weights with torchvision's names; raises `LossError` if any is missing."""
        super().__init__()
        self.layers = nn.ModuleDict()
        channels = 3
        for index, width in _VGG:
            layer = nn.Conv2d(channels, width, 3, padding=1)
            for name, parameter in layer.named_parameters():
                key = f"features.{index}.{name}"
                if key not in weights or weights[key].shape != parameter.shape:
                    raise LossError(f"VGG-16: {key} of shape {tuple(parameter.shape)} is missing")
                parameter.data.copy_(weights[key])
            self.layers[str(index)] = layer
            channels = width
        self.register_buffer("mean", torch.tensor(_MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).reshape(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the distance of two ``(B, 1 or 3, H, W)`` batches in [0, 1], a scalar."""
        x, y = self._normalized(restored), self._normalized(clean)
        total = restored.new_zeros(())
        for index, _ in _VGG:
            if index in _POOL_BEFORE:
                x, y = functional.max_pool2d(x, 2), functional.max_pool2d(y, 2)
            layer = self.layers[str(index)]
            x, y = functional.relu(layer(x)), functional.relu(layer(y))
            if index in _COMPARED:
                total = total + functional.mse_loss(x, y)
        return total / len(_COMPARED)

    def _normalized(self, image: Tensor) -> Tensor:
        return (image.expand(-1, 3, -1, -1) - self.mean) / self.std
