"""The receptive field: the input pixels that one output pixel depends on, along a side.

Intervals are propagated backward through everything that widens them: convolutions, and the fixed
grids of windows and regions, which are not shifted. The squeeze-excite of L3, which uses the mean
of the whole plane, is left out.
"""

from collections.abc import Iterable

from hiir.layers.layer_config import LayerConfig, LayerVersion
from hiir.layers.stage_convolution import StageConvolutionKind
from hiir.models.architecture import ArchitectureConfig
from hiir.models.columnar import ColumnarConfig, Upsampler
from hiir.models.ushape import UShapeConfig

__all__ = ["receptive_field"]

_REACH = {
    StageConvolutionKind.CONV1: 1,
    StageConvolutionKind.LINEAR: 0,
    StageConvolutionKind.CONV3: 2,
}


class _Interval:
    """Pixels or tokens ``low`` to ``high`` that are needed, widened backward step by step."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def convolve(self, reach: int) -> None:
        self.low, self.high = self.low - reach, self.high + reach

    def align(self, side: int) -> None:
        """Widen the interval to whole cells of this side."""
        self.low -= self.low % side
        self.high += -(self.high + 1) % side

    def shrink(self, factor: int) -> None:
        """Go from an enlarged plane back to its input."""
        self.low, self.high = self.low // factor, self.high // factor

    def grow(self, factor: int) -> None:
        """Go from a folded plane back to its input."""
        self.low, self.high = self.low * factor, self.high * factor + factor - 1

    def copy(self) -> "_Interval":
        return _Interval(self.low, self.high)

    def join(self, other: "_Interval") -> None:
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)


def receptive_field(config: ArchitectureConfig) -> int:
    """Return the maximum input pixels along a side that any output pixel depends on.

    Image borders are not taken into account.
    """
    widths = (
        _backward(config, _Interval(pixel, pixel))
        for pixel in range(config.size_multiple * config.upscale)
    )
    return max(interval.high - interval.low + 1 for interval in widths)


def _backward(config: ArchitectureConfig, interval: _Interval) -> _Interval:
    match config:
        case ColumnarConfig():
            _columnar(config, interval)
        case UShapeConfig():
            _ushape(config, interval)
        case _:
            raise TypeError(f"no rule for {type(config).__name__}")
    return interval


def _columnar(config: ColumnarConfig, interval: _Interval) -> None:
    if config.upsampler is Upsampler.DIRECT:
        interval.shrink(config.scale)
        interval.convolve(1)
    else:
        interval.convolve(1)
        for factor in (2, 2) if config.scale == 4 else (config.scale,):
            interval.shrink(factor)
            interval.convolve(1)
        interval.convolve(1)
    interval.convolve(_REACH[config.stage_convolution])
    for depth in reversed(config.layers):
        _stage(config, config.layer(), depth, interval)
    interval.convolve(1)


def _ushape(config: UShapeConfig, interval: _Interval) -> None:
    base = interval.copy()
    interval.shrink(config.stem)
    interval.convolve(1)
    _levels(config, 0, interval)
    interval.convolve(1)
    interval.grow(config.stem)
    interval.join(base)


def _levels(config: UShapeConfig, level: int, interval: _Interval) -> None:
    """Go from the output of a level's decoder back to the input of its encoder."""
    if level < len(config.decoder_layers):
        layer = config.layer(level, decoder=True)
        _stage(config, layer, config.decoder_layers[level], interval)
        deeper = interval.copy()
        deeper.shrink(2)
        _levels(config, level + 1, deeper)
        deeper.grow(2)
        interval.join(deeper)
    _stage(config, config.layer(level), config.layers[level], interval)


def _stage(config: ArchitectureConfig, layer: LayerConfig, depth: int, interval: _Interval) -> None:
    interval.convolve(_REACH[config.stage_convolution])
    for index in reversed(range(depth)):
        interval.convolve(1 if layer.with_l3 else 0)
        for side in reversed(list(_grids(layer, index))):
            interval.align(side)


def _grids(layer: LayerConfig, index: int) -> Iterable[int]:
    """Yield the sides of the cells inside which a layer's attentions mix, in their order."""
    sides = (layer.local_window, layer.region)
    match layer.version:
        case LayerVersion.V1:
            yield sides[index % 2]
        case LayerVersion.V4:
            yield from (*sides, layer.beyond)
        case _:
            yield from sides
