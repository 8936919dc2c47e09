"""Restore an image of any size through a model of one fixed tile size.

Bounded memory: the uint8 input, the uint8 output, and float32 rows of two tile heights at most.
"""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import closing
from typing import Protocol

import numpy as np

from hiir.imaging.blending import RowBlender
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
    output = np.empty((height * scale, width * scale, contract.output_channels), np.uint8)
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
            if band is not None:
                # What lies beyond the image is padding: the slices on both sides leave it out.
                rows = output[band.top : band.top + len(band.rows)]
                rows[:] = from_unit(band.rows[: len(rows), : output.shape[1]], np.uint8)
            on_progress(done, len(plan))
    return output


def _check_input(image: Uint8Pixels, contract: ModelContract, in_flight: int) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.size == 0:
        raise ValueError(f"expected (H, W, C) uint8 pixels, got {image.shape} {image.dtype}")
    if image.shape[2] != contract.input_channels:
        raise ValueError(
            f"{contract.name} takes {contract.input_channels} channels, got {image.shape[2]}"
        )
    if in_flight < 1:
        raise ValueError(f"in_flight must be at least 1, got {in_flight}")


def _restore_in_order(
    *,
    image: Uint8Pixels,
    plan: TilePlan,
    contract: ModelContract,
    infer: TileEngine,
    in_flight: int,
    should_stop: Callable[[], bool],
) -> Generator[FloatPixels, None, None]:
    """Yield each tile's `(t * scale, t * scale, C')` output in the plan's order."""
    waiting = iter(plan)
    pending: deque[tuple[Uint8Pixels, Future[FloatPixels]]] = deque()
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


def _to_tensor(pixels: Uint8Pixels) -> FloatPixels:
    return np.ascontiguousarray(to_unit(pixels).transpose(2, 0, 1))[np.newaxis]


def _check_output(result: FloatPixels, source: Uint8Pixels, contract: ModelContract) -> None:
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


def _may_become_flat(source: Uint8Pixels, level: float) -> bool:
    """Tell the right answer to a noisy but flat `(t, t, C)` tile from a dead model's constant.

    Blank paper or a clipped sky may well come back as one value. Then the input has that level,
    and no structure is left in the means over the cells of a coarse grid, where noise averages out.
    """
    cell = max(len(source) // _GRID, 1)
    cells = len(source) // cell
    inside = to_unit(source[: cells * cell, : cells * cell])
    means = inside.reshape(cells, cell, cells, cell, -1).mean(axis=(1, 3))
    structure = np.ptp(means, axis=(0, 1)).max()
    return bool(structure <= _FLAT_RANGE and abs(means.mean() - level) <= _LEVEL_TOLERANCE)
