"""Restore an image of any size through a model of one fixed tile size.

Bounded memory: the uint8 input, the uint8 output, and float32 rows of two tile heights at most.
"""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import closing
from typing import Protocol

import numpy as np

from hiir.imaging.blending import RowBand, RowBlender
from hiir.imaging.contract import ModelContract
from hiir.imaging.errors import ModelOutputInvalid, TilingCanceled
from hiir.imaging.geometry import TilePlan, plan_tiles
from hiir.imaging.padding import pad_to_tile
from hiir.imaging.pixels import FloatPixels, Uint8Pixels, from_unit, to_unit

# A constant output is accepted where the input's means over a grid of cells say it is flat.
_GRID = 8
_FLAT_RANGE = 0.1
_LEVEL_TOLERANCE = 0.25


class TileEngine(Protocol):
    """Runs the model on one tile; the seam between tiling and an inference server."""

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Start on a `(1, C, t, t)` float32 [0, 1] tile, giving `(1, C', t * scale, t * scale)`.

        The future must resolve in bounded time, with a result or an error: tiling waits for it.
        """
        ...


def restore_tiled(
    *,
    image: Uint8Pixels,
    contract: ModelContract,
    infer: TileEngine,
    in_flight: int,
    on_progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> Uint8Pixels:
    """Restore `(H, W, C)` uint8 into `(H * scale, W * scale, C')` uint8.

    At most `in_flight` tiles are submitted and not yet blended. `on_progress(done, total)` counts
    tiles, from `(0, total)` on; `should_stop` is asked before each tile is waited for.

    Raises `TilingCanceled` if asked to stop, `ModelOutputInvalid` if a tile comes back unusable,
    and whatever the engine's futures raise; in each case what is in flight is canceled first.
    Raises `ValueError` if the image does not fit the contract.
    """
    height, width = (side * contract.scale for side in image.shape[:2])
    output = np.empty((height, width, contract.output_channels), np.uint8)
    bands = restore_bands(
        image=image,
        contract=contract,
        infer=infer,
        in_flight=in_flight,
        on_progress=on_progress,
        should_stop=should_stop,
    )
    with closing(bands):
        for band in bands:
            output[band.top : band.top + len(band.rows)] = from_unit(band.rows, np.uint8)
    return output


def restore_bands(
    *,
    image: Uint8Pixels | FloatPixels,
    contract: ModelContract,
    infer: TileEngine,
    in_flight: int,
    on_progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> Generator[RowBand, None, None]:
    """Yield the restored rows from top to bottom as `restore_tiled` would, but in float32.

    The image is uint8, or float32 on the scale of [0, 1], beyond which unclipped noise may go.
    Rows are not clipped either, and cropped to the image. The same errors are raised.
    """
    _check_input(image, contract, in_flight)
    height, width, _ = image.shape
    scale = contract.scale
    padded = pad_to_tile(image, contract.tile)
    plan = plan_tiles(
        height=padded.shape[0],
        width=padded.shape[1],
        tile=contract.tile,
        overlap=contract.overlap,
    )
    blender = RowBlender(plan=plan, scale=scale, channels=contract.output_channels)
    tiles = _restore_in_order(
        image=padded,
        plan=plan,
        contract=contract,
        infer=infer,
        in_flight=in_flight,
        should_stop=should_stop,
    )
    with closing(tiles):  # cancels what is in flight if anything here raises
        on_progress(0, len(plan))
        for done, tile in enumerate(tiles, start=1):
            band = blender.add(tile)
            if band is not None and band.top < height * scale:
                # What lies beyond the image is padding.
                rows = band.rows[: height * scale - band.top, : width * scale]
                yield RowBand(top=band.top, rows=rows)
            on_progress(done, len(plan))


def _check_input(image: Uint8Pixels | FloatPixels, contract: ModelContract, in_flight: int) -> None:
    if image.dtype not in (np.uint8, np.float32) or image.ndim != 3 or image.size == 0:
        raise ValueError(
            f"expected (H, W, C) uint8 or float32 pixels, got {image.shape} {image.dtype}"
        )
    if image.shape[2] != contract.input_channels:
        raise ValueError(
            f"{contract.name} takes {contract.input_channels} channels, got {image.shape[2]}"
        )
    if in_flight < 1:
        raise ValueError(f"in_flight must be at least 1, got {in_flight}")


def _restore_in_order(
    *,
    image: Uint8Pixels | FloatPixels,
    plan: TilePlan,
    contract: ModelContract,
    infer: TileEngine,
    in_flight: int,
    should_stop: Callable[[], bool],
) -> Generator[FloatPixels, None, None]:
    """Yield each tile's `(t * scale, t * scale, C')` output in the plan's order."""
    waiting = iter(plan)
    pending: deque[tuple[Uint8Pixels | FloatPixels, Future[FloatPixels]]] = deque()
    side = plan.tile
    try:
        for _ in range(len(plan)):
            if should_stop():
                raise TilingCanceled("Restoration was canceled.")
            while len(pending) < in_flight and (tile := next(waiting, None)) is not None:
                pixels = image[tile.top : tile.top + side, tile.left : tile.left + side]
                pending.append((pixels, infer.submit(_to_tensor(pixels))))
            pixels, future = pending[0]
            result = future.result()
            pending.popleft()
            _check_output(result, pixels, contract)
            yield result[0].transpose(1, 2, 0)
    finally:
        for _, future in pending:
            future.cancel()


def _to_float(pixels: Uint8Pixels | FloatPixels) -> FloatPixels:
    return pixels if pixels.dtype == np.float32 else to_unit(pixels)  # type: ignore[return-value, arg-type]


def _to_tensor(pixels: Uint8Pixels | FloatPixels) -> FloatPixels:
    return np.ascontiguousarray(_to_float(pixels).transpose(2, 0, 1))[np.newaxis]


def _check_output(
    result: FloatPixels, source: Uint8Pixels | FloatPixels, contract: ModelContract
) -> None:
    side = contract.tile * contract.scale
    expected = (1, contract.output_channels, side, side)
    if result.shape != expected or result.dtype != np.float32:
        raise ModelOutputInvalid(
            "The model returned a tile of the wrong shape or type.",
            limit=f"{expected} float32",
            actual=f"{result.shape} {result.dtype}",
        )
    if not np.isfinite(result).all():
        raise ModelOutputInvalid("The model returned values that are not finite.")
    level = result.flat[0]
    if (result == level).all() and not _may_become_flat(source, float(level)):
        raise ModelOutputInvalid(
            "The model returned one constant for a tile that is not constant.",
            actual=str(level),
        )


def _may_become_flat(source: Uint8Pixels | FloatPixels, level: float) -> bool:
    """Tell the right answer to a noisy but flat `(t, t, C)` tile from a dead model's constant.

    Blank paper or a clipped sky may well come back as one value. Then the input has that level,
    and no structure is left in the means over the cells of a coarse grid, where noise averages out.
    """
    cell = max(len(source) // _GRID, 1)
    cells = len(source) // cell
    inside = _to_float(source[: cells * cell, : cells * cell])
    means = inside.reshape(cells, cell, cells, cell, -1).mean(axis=(1, 3))
    structure = np.ptp(means, axis=(0, 1)).max()
    return bool(structure <= _FLAT_RANGE and abs(means.mean() - level) <= _LEVEL_TOLERANCE)
