"""Restore an image of any size in tiles.

Bounded memory: float32 rows of two tile heights at most; input and output may lie in files.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import closing
from typing import Protocol

import numpy as np

from hiir.imaging.blending import RowBand, RowBlender
from hiir.imaging.contract import ModelContract
from hiir.imaging.errors import ModelOutputInvalid, TilingCanceled
from hiir.imaging.geometry import TilePlan, plan_tiles
from hiir.imaging.padding import pad_to
from hiir.imaging.pixels import (
    FloatPixels,
    PixelRows,
    Pixels,
    WritableRows,
    from_unit,
    to_unit,
)

# A constant output is accepted where the input's means over a grid of cells say it is flat.
_GRID = 8
_FLAT_RANGE = 0.1
_LEVEL_TOLERANCE = 0.25


class TileEngine(Protocol):
    """Runs the model on one tile; the seam between tiling and an inference server."""

    @property
    def any_size(self) -> bool:
        """Whether sides may be any multiples of the contract's `size_multiple` up to its `tile`.

        Otherwise all tiles are squares of `tile`.
        """
        ...

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Start on a `(1, C, h, w)` float32 [0, 1] tile, giving `(1, C', h * scale, w * scale)`.

        The future must resolve in bounded time, with a result or an error: tiling waits for it.
        """
        ...


def restore_tiled(
    *,
    image: PixelRows,
    output: WritableRows,
    contract: ModelContract,
    infer: TileEngine,
    in_flight: int,
    on_progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> None:
    """Restore `(H, W, C)` into `(H * scale, W * scale, C')` uint8 or uint16 rows.

    At most `in_flight` tiles are submitted and not yet blended. `on_progress(done, total)` counts
    tiles, from `(0, total)` on; `should_stop` is asked before each tile is waited for.

    Raises `TilingCanceled` if asked to stop, `ModelOutputInvalid` if a tile comes back unusable,
    and whatever the engine's futures raise; in each case what is in flight is canceled first.
    Raises `ValueError` if image or output do not fit the contract.
    """
    wanted = restored_shape(image.shape, contract)
    if output.shape != wanted:
        raise ValueError(f"expected an output of {wanted}, got {output.shape}")
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
            output[band.top : band.top + len(band.rows)] = from_unit(band.rows, output.dtype)


def restored_shape(shape: tuple[int, ...], contract: ModelContract) -> tuple[int, int, int]:
    """What becomes of an image's `(H, W, C)`."""
    height, width = (side * contract.scale for side in shape[:2])
    return (height, width, contract.output_channels)


def tiles_of(shape: tuple[int, ...], contract: ModelContract, *, any_size: bool) -> TilePlan:
    """Return the tiles of an image `(H, W, C)`.

    Unless an engine takes tiles of `any_size`, an image smaller than a tile is padded to one.
    """
    return plan_tiles(
        height=shape[0],
        width=shape[1],
        tile=contract.tile,
        overlap=contract.overlap,
        multiple=contract.size_multiple if any_size else None,
    )


def restore_bands(
    *,
    image: PixelRows,
    contract: ModelContract,
    infer: TileEngine,
    in_flight: int,
    on_progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> Generator[RowBand, None, None]:
    """Yield the restored rows from top to bottom as `restore_tiled` would, but in float32.

    The image is uint8, uint16, or float32 on the scale of [0, 1], beyond which unclipped noise may
    go; one row of tiles is read at a time. To a model for colors gray is three equal channels.
    Rows are not clipped either, and cropped to the image. The same errors are raised.
    """
    _check_input(image, contract, in_flight)
    height, width, _ = image.shape
    scale = contract.scale
    plan = tiles_of(image.shape, contract, any_size=infer.any_size)
    blender = RowBlender(plan=plan, scale=scale, channels=contract.output_channels)
    tiles = _restore_in_order(
        image=image,
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


def _check_input(image: PixelRows, contract: ModelContract, in_flight: int) -> None:
    known = image.dtype in (np.uint8, np.uint16, np.float32)
    if not known or len(image.shape) != 3 or 0 in image.shape:
        raise ValueError(
            f"expected (H, W, C) uint8, uint16 or float32 pixels, got {image.shape} {image.dtype}"
        )
    if image.shape[2] not in {1, contract.input_channels}:
        raise ValueError(
            f"{contract.name} takes {contract.input_channels} channels, got {image.shape[2]}"
        )
    if in_flight < 1:
        raise ValueError(f"in_flight must be at least 1, got {in_flight}")


def _restore_in_order(
    *,
    image: PixelRows,
    plan: TilePlan,
    contract: ModelContract,
    infer: TileEngine,
    in_flight: int,
    should_stop: Callable[[], bool],
) -> Generator[FloatPixels, None, None]:
    """Yield each tile's `(h * scale, w * scale, C')` output in the plan's order."""
    waiting = _read_tiles(image, plan, contract.input_channels)
    pending: deque[tuple[Pixels, Future[FloatPixels]]] = deque()
    try:
        for _ in range(len(plan)):
            if should_stop():
                raise TilingCanceled("Restoration was canceled.")
            while len(pending) < in_flight and (pixels := next(waiting, None)) is not None:
                pending.append((pixels, infer.submit(_to_tensor(pixels))))
            pixels, future = pending[0]
            result = future.result()
            pending.popleft()
            _check_output(result, pixels[..., : contract.image_channels], contract)
            yield result[0].transpose(1, 2, 0)
    finally:
        for _, future in pending:
            future.cancel()


def _read_tiles(image: PixelRows, plan: TilePlan, channels: int) -> Iterator[Pixels]:
    """Yield each tile's `(h, w, channels)` pixels in the plan's order, reading each row once."""
    strip = image[:0]
    for tile in plan:
        if tile.column == 0:
            strip = pad_to(image[tile.top : tile.top + tile.height], tile.height, plan.width)
            if strip.shape[2] < channels:
                strip = strip.repeat(channels, axis=2)
        yield strip[:, tile.left : tile.left + tile.width]


def _to_float(pixels: Pixels) -> FloatPixels:
    return pixels if pixels.dtype == np.float32 else to_unit(pixels)


def _to_tensor(pixels: Pixels) -> FloatPixels:
    return np.ascontiguousarray(_to_float(pixels).transpose(2, 0, 1))[np.newaxis]


def _check_output(result: FloatPixels, source: Pixels, contract: ModelContract) -> None:
    height, width = (side * contract.scale for side in source.shape[:2])
    expected = (1, contract.output_channels, height, width)
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


def _may_become_flat(source: Pixels, level: float) -> bool:
    """Distinguish the right output for a noisy but flat `(h, w, C)` tile from a constant one.

    Blank paper or a clipped sky may well come back as one value. Then the input has that level,
    and no structure is left in the means over the cells of a coarse grid, where noise averages out.
    """
    high, wide = (max(side // _GRID, 1) for side in source.shape[:2])
    down, across = len(source) // high, source.shape[1] // wide
    inside = _to_float(source[: down * high, : across * wide])
    means = inside.reshape(down, high, across, wide, -1).mean(axis=(1, 3))
    structure = np.ptp(means, axis=(0, 1)).max()
    return bool(structure <= _FLAT_RANGE and abs(means.mean() - level) <= _LEVEL_TOLERANCE)
