"""How much of a restoration is wanted: a blend of the model's result with its input."""

from concurrent.futures import Future

import numpy as np
from PIL import Image

from hiir.imaging.contract import ModelContract
from hiir.imaging.pixels import FloatPixels
from hiir.imaging.tiled import TileEngine

__all__ = ["BlendingEngine"]


class BlendingEngine:
    """Wraps a tile engine: ``input + strength * (result - input)``, in float32 (a `TileEngine`).

    The input of a model that enlarges is enlarged by bicubic interpolation; that of a model for two
    views is the first view. Strength 0 gives the input's values bit for bit where nothing is
    enlarged, and strength 1 the model's.
    """

    def __init__(self, engine: TileEngine, *, contract: ModelContract, strength: float) -> None:
        """Describe the blend.

        Args:
            engine: runs the model.
            contract: gives channels and scale.
            strength: share of the model's result, in [0, 1].

        Raises:
            ValueError: for a strength outside [0, 1].
        """
        if not 0 <= strength <= 1:
            raise ValueError(f"strength must be in [0, 1], not {strength:g}")
        self._engine = engine
        self._contract = contract
        self._strength = np.float32(strength)
        self.any_size = engine.any_size

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Start on a `(1, C, h, w)` float32 [0, 1] tile, giving `(1, C', h * scale, w * scale)`."""
        return _Blend(self, tile, self._engine.submit(tile))

    def blend(self, tile: FloatPixels, result: FloatPixels) -> FloatPixels:
        """Blend a result with its tile; one of another shape is returned as it is."""
        before = self._enlarged(tile[:, : self._contract.output_channels])
        if result.shape != before.shape or self._strength == 1:
            return result
        blended: FloatPixels = before + self._strength * (result - before)
        return blended

    def _enlarged(self, planes: FloatPixels) -> FloatPixels:
        scale = self._contract.scale
        if scale == 1:
            return planes
        height, width = (side * scale for side in planes.shape[2:])
        enlarged = [
            Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)
            for plane in planes[0]
        ]
        return np.stack([np.asarray(plane, np.float32) for plane in enlarged])[np.newaxis]


class _Blend(Future[FloatPixels]):
    """A tile under way, which is blended by who waits for it."""

    def __init__(
        self, engine: BlendingEngine, tile: FloatPixels, inner: Future[FloatPixels]
    ) -> None:
        super().__init__()
        self._engine = engine
        self._tile = tile
        self._inner = inner

    def result(self, timeout: float | None = None) -> FloatPixels:
        return self._engine.blend(self._tile, self._inner.result(timeout))

    def cancel(self) -> bool:
        return self._inner.cancel()
