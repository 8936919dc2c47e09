"""Restorers: the interface of everything that is measured, and models that run in tiles."""

from typing import Protocol

import numpy as np

from hiir.errors import HiirError
from hiir.imaging import (
    FloatPixels,
    ModelContract,
    PixelRows,
    RowsWithLevel,
    TileEngine,
    Uint8Pixels,
    estimate_noise_level,
    from_unit,
    restore_bands,
)

__all__ = ["Restorer", "RestorerError", "TiledRestorer"]


class RestorerError(HiirError):
    """A model does not support an image or a device; the message says what it supports."""


class Restorer(Protocol):
    """Restores one image."""

    def restore(self, image: FloatPixels) -> Uint8Pixels | FloatPixels:
        """Restore ``(H, W, C)`` float32, nominally in [0, 1], to ``(H', W', C')``.

        The result is uint8, or float32 [0, 1] if nothing rounds it.
        """
        ...


class TiledRestorer:
    """Runs a tile engine over the whole image, then clips and rounds to 8 bits.

    The service uses the same code to split and blend tiles, so that the figures apply to it.
    """

    def __init__(
        self,
        *,
        contract: ModelContract,
        engine: TileEngine,
        in_flight: int = 1,
        noise_level: float | None = None,
    ) -> None:
        """Create the restorer.

        Args:
            contract: contract of the model, with tile, overlap, channels and scale.
            engine: engine that runs the tiles.
            in_flight: maximum number of tiles submitted before the first is awaited; an engine that
                runs batches needs at least one batch.
            noise_level: noise level on the scale of 255, for a model that takes it; by default it
                is estimated from each image.
        """
        self._contract = contract
        self._engine = engine
        self._in_flight = in_flight
        self._noise_level = noise_level

    def restore(self, image: FloatPixels) -> Uint8Pixels:
        """Restore ``(H, W, C)`` float32, not clipped, as the service does with 8-bit files.

        Raises:
            RestorerError: if the image has other channels than the model takes.
        """
        contract = self._contract
        if image.shape[2] not in {1, contract.image_channels}:
            raise RestorerError(
                f"{contract.name} takes images of {contract.image_channels} channels, this one has "
                f"{image.shape[2]}"
            )
        rows: PixelRows = image
        if contract.noise_level:
            level = self._noise_level
            level = estimate_noise_level(image) if level is None else level
            rows = RowsWithLevel(image, level, channels=contract.image_channels)
        bands = restore_bands(
            image=rows,
            contract=contract,
            infer=self._engine,
            in_flight=self._in_flight,
            on_progress=lambda *_: None,
            should_stop=lambda: False,
        )
        return np.concatenate([from_unit(band.rows, np.uint8) for band in bands])
