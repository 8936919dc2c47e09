"""Restores an image of any size in tiles.

Memory is bounded: at most float32 rows of two tile heights; input and output may be files.
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
from hiir.imaging.geometry import Tile, TilePlan, plan_tiles
from hiir.imaging.padding import pad_to
from hiir.imaging.pixels import (
    FloatPixels,
    PixelRows,
    Pixels,
    WritableRows,
    from_unit,
    to_unit,
)
from hiir.imaging.region import Region
from hiir.imaging.strength import blend

# A constant output is accepted if the means of the input over a grid of cells show that it is flat.
_GRID = 8
_FLAT_RANGE = 0.1
_LEVEL_TOLERANCE = 0.25


class TileEngine(Protocol):
    """Runs the model on one tile; the interface between tiling and an inference server."""

    @property
    def any_size(self) -> bool:
        """Whether sides may be any multiple of the contract's `size_multiple` up to its `tile`.

        Otherwise all tiles are squares of `tile`.
        """
        ...

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Submit a `(1, C, h, w)` float32 [0, 1] tile; returns `(1, C', h * scale, w * scale)`.

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
    strength: float = 1.0,
    region: Region | None = None,
) -> None:
    """Restore `(H, W, C)` into `(H * scale, W * scale, C')` uint8 or uint16 rows.

    With a `strength` below 1, in [0, 1], the result is blended with the image, or with its bicubic
    enlargement: `image + strength * (result - image)`, in float32. At 0 it is the image, exactly so
    if `scale` is 1. A result of two views is blended with the first view.

    With a `region`, `H` and `W` are its sides, and only the tiles that overlap it are restored: the
    output equals that part of the whole result.

    At most `in_flight` tiles are submitted and not yet blended. `on_progress(done, total)` counts
    tiles, starting with `(0, total)`; `should_stop` is called before each tile is awaited.

    Raises:
        TilingCanceled: if `should_stop` returns true.
        ModelOutputInvalid: if an output tile is invalid.
        ValueError: if image or output do not fit the contract, if the image does not contain the
            whole region, if the strength is not in [0, 1], or if the model does not support it.
        Exception: whatever the engine's futures raise; pending tiles are canceled first.
    """
    wanted = restored_shape(image.shape, contract, region)
    if output.shape != wanted:
        raise ValueError(f"expected an output of {wanted}, got {output.shape}")
    bands = restore_bands(
        image=image,
        contract=contract,
        infer=infer,
        in_flight=in_flight,
        on_progress=on_progress,
        should_stop=should_stop,
        strength=strength,
        region=region,
    )
    with closing(bands):
        for band in bands:
            output[band.top : band.top + len(band.rows)] = from_unit(band.rows, output.dtype)


def restored_shape(
    shape: tuple[int, ...], contract: ModelContract, region: Region | None = None
) -> tuple[int, int, int]:
    """Return the shape of the result for an image `(H, W, C)`, or for a region of it."""
    sides = shape[:2] if region is None else (region.height, region.width)
    height, width = (side * contract.scale for side in sides)
    return (height, width, contract.output_channels)


def tiles_of(
    shape: tuple[int, ...],
    contract: ModelContract,
    *,
    any_size: bool,
    region: Region | None = None,
) -> TilePlan:
    """Return the tiles of an image `(H, W, C)`, or only those that a region needs.

    An image smaller than a tile is padded to one, unless the engine accepts tiles of `any_size`.
    """
    plan = plan_tiles(
        height=shape[0],
        width=shape[1],
        tile=contract.tile,
        overlap=contract.overlap,
        multiple=contract.size_multiple if any_size else None,
    )
    return plan if region is None else plan.covering(region)


def restore_bands(
    *,
    image: PixelRows,
    contract: ModelContract,
    infer: TileEngine,
    in_flight: int,
    on_progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
    strength: float = 1.0,
    region: Region | None = None,
) -> Generator[RowBand, None, None]:
    """Yield the restored rows from top to bottom like `restore_tiled`, but in float32.

    The image is uint8, uint16, or float32 nominally in [0, 1], which unclipped noise may exceed;
    one row of tiles is read at a time. A color model receives gray as three equal channels. Rows
    are cropped to the image or the region, and not clipped. The errors are the same.
    """
    _check_input(image, contract, in_flight)
    height, width, _ = image.shape
    wanted = region or Region(left=0, top=0, width=width, height=height)
    if not wanted.is_inside(height=height, width=width):
        raise ValueError(f"an image of {width}x{height} pixels does not have the region {wanted}")
    _check_strength(strength, contract)
    plan = tiles_of(image.shape, contract, any_size=infer.any_size, region=region)
    blender = RowBlender(plan=plan, scale=contract.scale, channels=contract.output_channels)
    tiles = _restore_in_order(
        image=image,
        plan=plan,
        contract=contract,
        infer=infer,
        in_flight=in_flight,
        should_stop=should_stop,
        strength=strength,
    )
    with closing(tiles):  # cancels tiles in flight if anything here raises
        on_progress(0, len(plan))
        for done, tile in enumerate(tiles, start=1):
            band = blender.add(tile)
            if band is not None:
                yield from _cropped(band, wanted, left=plan.left, scale=contract.scale)
            on_progress(done, len(plan))


def _cropped(band: RowBand, region: Region, *, left: int, scale: int) -> Iterator[RowBand]:
    """Yield the part of a band inside the region; everything beyond the image is padding.

    The band's columns begin with the image's column `left`.
    """
    top = max(band.top, region.top * scale)
    bottom = min(band.top + len(band.rows), region.bottom * scale)
    if top < bottom:
        columns = slice((region.left - left) * scale, (region.right - left) * scale)
        rows = band.rows[top - band.top : bottom - band.top, columns]
        yield RowBand(top=top - region.top * scale, rows=rows)


def _check_strength(strength: float, contract: ModelContract) -> None:
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be in [0, 1], got {strength:g}")
    if strength < 1 and not contract.can_blend:
        raise ValueError(
            f"{contract.name} turns {contract.image_channels} channels into "
            f"{contract.output_channels}, which cannot be blended"
        )


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
    strength: float,
) -> Generator[FloatPixels, None, None]:
    """Yield each tile's `(h * scale, w * scale, C')` output in the plan's order."""
    waiting = zip(plan, _read_tiles(image, plan, contract.input_channels), strict=True)
    pending: deque[tuple[Tile, Pixels, Future[FloatPixels]]] = deque()
    try:
        for _ in range(len(plan)):
            if should_stop():
                raise TilingCanceled("Restoration was canceled.")
            while len(pending) < in_flight and (following := next(waiting, None)) is not None:
                pending.append((*following, infer.submit(_to_tensor(following[1]))))
            tile, pixels, future = pending[0]
            result = future.result()
            pending.popleft()
            _check_output(result, pixels[..., : contract.image_channels], contract)
            restored = result[0].transpose(1, 2, 0)
            if strength < 1:
                # The padding is removed first, because it would influence the enlargement.
                inside = pixels[: image.shape[0] - tile.top, : image.shape[1] - tile.left]
                restored = _blended(inside, restored, contract, strength)
            yield restored
    finally:
        for _, _, future in pending:
            future.cancel()


def _blended(
    pixels: Pixels, restored: FloatPixels, contract: ModelContract, strength: float
) -> FloatPixels:
    """Blend the part of a tile inside the image; `pixels` are `(h, w, C)` without padding."""
    rows, columns = (slice(side * contract.scale) for side in pixels.shape[:2])
    before = _to_float(pixels[..., : contract.output_channels])
    blended = restored.copy()
    blended[rows, columns] = blend(before, restored[rows, columns], strength=strength)
    return blended


def _read_tiles(image: PixelRows, plan: TilePlan, channels: int) -> Iterator[Pixels]:
    """Yield each tile's `(h, w, channels)` pixels in the plan's order, reading each row once."""
    strip = image[:0]
    for tile in plan:
        if tile.column == 0:
            rows = image[tile.top : tile.top + tile.height][:, plan.left : plan.left + plan.width]
            strip = pad_to(rows, tile.height, plan.width)
            if strip.shape[2] < channels:
                strip = strip.repeat(channels, axis=2)
        left = tile.left - plan.left
        yield strip[:, left : left + tile.width]


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
    """Return whether a constant output may be right for a `(h, w, C)` tile that is noisy but flat.

    Blank paper or a clipped sky may become a single value. The input then has that level, and no
    structure remains in its means over the cells of a coarse grid, in which noise averages out.
    """
    high, wide = (max(side // _GRID, 1) for side in source.shape[:2])
    down, across = len(source) // high, source.shape[1] // wide
    inside = _to_float(source[: down * high, : across * wide])
    means = inside.reshape(down, high, across, wide, -1).mean(axis=(1, 3))
    structure = np.ptp(means, axis=(0, 1)).max()
    return bool(structure <= _FLAT_RANGE and abs(means.mean() - level) <= _LEVEL_TOLERANCE)
