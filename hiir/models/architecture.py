"""The base of all architectures: frozen configuration, padding, preparation for inference."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Self

from torch import Tensor, nn
from torch.nn import functional

from hiir.layers.attention import WindowAttention
from hiir.layers.axial import AxialAttention
from hiir.layers.initialization import Initialization
from hiir.layers.layer_config import ArchitectureError, LayerVersion
from hiir.layers.similarity import Similarity
from hiir.layers.stage_convolution import StageConvolutionKind

__all__ = ["ArchitectureConfig", "RestorationModel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchitectureConfig(ABC):
    """The configuration of a network. Raises `ArchitectureError` if values are inconsistent."""

    in_channels: int
    """Channels of the image: 1 gray, 3 color, 6 two views of a dual-pixel sensor."""
    out_channels: int
    version: LayerVersion = LayerVersion.V3
    similarity: Similarity = Similarity.DOT
    with_l3: bool = True
    stage_convolution: StageConvolutionKind = StageConvolutionKind.CONV3
    initialization: Initialization = Initialization.TRUNC_NORMAL

    @property
    @abstractmethod
    def size_multiple(self) -> int:
        """Input sides need no padding if they are multiples of this number of pixels."""

    @property
    @abstractmethod
    def upscale(self) -> int:
        """Output pixels per input pixel along a side."""

    @abstractmethod
    def build(self) -> "RestorationModel":
        """Build the network with random weights."""

    def check_tile(self, tile: int) -> None:
        """Raise `ArchitectureError` unless tiles of this side need no padding."""
        if tile < 1 or tile % self.size_multiple:
            raise ArchitectureError(
                f"tile {tile} must be a positive multiple of {self.size_multiple}, the pixels that "
                "the model's windows and regions span"
            )

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return a copy with changed values, in Python or as in YAML (names of enums, lists).

        Raises:
            ArchitectureError: if a key or a value is unknown; the message lists the known ones.
        """
        known = {field.name: field for field in fields(self)}
        values: dict[str, Any] = {}
        for key, value in changes.items():
            if key not in known:
                raise ArchitectureError(
                    f"unknown key {key!r} of {type(self).__name__}; the keys are {', '.join(known)}"
                )
            values[key] = _parse(key, value, like=getattr(self, key))
        return replace(self, **values)


def _parse(key: str, value: Any, *, like: object) -> object:
    """Convert ``value`` to the type of the value that it replaces; raises `ArchitectureError`."""
    if isinstance(like, StrEnum):
        members = list(type(like))
        if value not in members:
            raise ArchitectureError(f"{key} {value!r} must be one of {', '.join(members)}")
        return type(like)(value)
    parsed = tuple(value) if isinstance(value, list) else value
    if type(parsed) is not type(like):
        raise ArchitectureError(f"{key} {value!r} must be of the kind of {like!r}")
    return parsed


class RestorationModel(nn.Module, ABC):
    """A network that takes images of any size."""

    config: ArchitectureConfig

    @abstractmethod
    def restore(self, image: Tensor) -> Tensor:
        """Restore a batch whose sides are multiples of ``config.size_multiple``."""

    def forward(self, image: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            image: ``(B, in_channels, H, W)`` float [0, 1], any H and W; sides that are not
                multiples of ``config.size_multiple`` are padded (replicate), the result is cropped.

        Returns:
            ``(B, out_channels, upscale * H, upscale * W)`` float, not clamped to [0, 1].
        """
        height, width = image.shape[-2:]
        multiple, scale = self.config.size_multiple, self.config.upscale
        below, right = -height % multiple, -width % multiple
        if below or right:
            image = functional.pad(image, (0, right, 0, below), "replicate")
        return self.restore(image)[..., : height * scale, : width * scale]

    def fuse(self) -> Self:
        """Precompute what depends only on the weights, for inference; returns the model itself.

        In-place changes of the weights afterwards have no effect; loading a state or returning to
        training undoes it.
        """
        for module in self.modules():
            if isinstance(module, WindowAttention | AxialAttention):
                module.fuse()
        return self

    def unfuse(self) -> Self:
        """Undo :meth:`fuse`; returns the model itself."""
        for module in self.modules():
            if isinstance(module, WindowAttention | AxialAttention):
                module.unfuse()
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch between training and evaluation; training undoes :meth:`fuse`."""
        return super().train(mode).unfuse() if mode else super().train(mode)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load weights as any module does; this undoes :meth:`fuse`."""
        self.unfuse()
        return super().load_state_dict(*args, **kwargs)
