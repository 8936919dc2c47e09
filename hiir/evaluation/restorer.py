"""What is measured: anything that maps an image to an image, and a model run in tiles."""

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
    """A model cannot be run on an image or on a device; the message says what it takes."""


class Restorer(Protocol):
    """Restores one image."""

    def restore(self, image: FloatPixels) -> Uint8Pixels | FloatPixels:
        """Map ``(H, W, C)`` float32 on the scale of [0, 1] to ``(H, W, C)``.

        The result is uint8, or float32 where nothing rounds it.
        """
        ...


class TiledRestorer:
    """Runs a tile engine over the whole image, then clips and rounds to 8 bits.

    The tiles are cut and blended by the code that the service uses, so that measured figures
    describe the service.
    """

    def __init__(
        self,
        *,
        contract: ModelContract,
        engine: TileEngine,
        in_flight: int = 1,
        noise_level: float | None = None,
    ) -> None:
        """Describe the model.

        Args:
            contract: tile, overlap, channels and scale.
            engine: runs the tiles.
            in_flight: tiles that the engine is given before the first is waited for, at most; an
                engine that runs batches needs one batch.
            noise_level: input of a model that takes it, on the scale of 255; estimated from
                each image unless given.
        """
        self._contract = contract
        self._engine = engine
        self._in_flight = in_flight
        self._noise_level = noise_level

    def restore(self, image: FloatPixels) -> Uint8Pixels:
        """Restore ``(H, W, C)`` float32, not clipped, as the service does with 8-bit files.

        Raises:
            RestorerError: for an image with other channels than the model takes.
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
