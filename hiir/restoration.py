"""Restores an image by a shipped model: the library's shortest way from image to image."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from hiir.evaluation.restorer import RestorerError
from hiir.evaluation.torch_tiles import TorchTiles, open_device
from hiir.imaging import (
    PixelRows,
    Region,
    RowsWithLevel,
    estimate_noise_level,
    restore_tiled,
    restored_shape,
    to_unit,
)
from hiir.models.release import load_release

__all__ = ["restore"]

_Sample = TypeVar("_Sample", np.uint8, np.uint16)
_DTYPES = (np.uint8, np.uint16)


def restore(
    image: npt.NDArray[_Sample],
    model: str,
    *,
    noise_level: float | None = None,
    strength: float = 100,
    region: tuple[int, int, int, int] | None = None,
    device: str = "cpu",
) -> npt.NDArray[_Sample]:
    """Restore an image of any size, in tiles, as the service does.

    Args:
        image: ``(H, W, C)`` uint8 or uint16 in RGB order; C is 1 for gray, 3 for color, 6 for the
            two views of a dual-pixel sensor.
        model: name of a shipped model; `list_models` lists them.
        noise_level: standard deviation of the noise on the scale of 255, for a model that takes
            it; estimated from the image unless given. A lower level keeps more detail.
        strength: 0 to 100, the share of the restoration in percent. Below 100 the result is blended
            with the image, or with its bicubic enlargement.
        region: left, top, width and height in pixels of the image. Only this part is restored, and
            returned: the same values as in the whole result, in the time of its tiles.
        device: ``cpu``, ``cuda`` or ``cuda:N``.

    Returns:
        ``(scale * H, scale * W, C')`` of the image's type; H and W are those of the region, if one
        is given.

    Raises:
        ReleaseError: for an unknown model.
        RestorerError: for an image or a noise level that the model does not take, a strength that
            is not in [0, 100], a region that is not inside the image, or a device that is absent.

    >>> import numpy as np
    >>> from hiir import restore
    >>> photo = np.full((48, 64, 3), 128, np.uint8)
    >>> restore(photo, "sr-x2").shape
    (96, 128, 3)
    >>> restore(photo, "sr-x2", strength=60, region=(10, 20, 16, 12)).shape
    (24, 32, 3)
    """
    release = load_release(model)
    contract = release.contract
    channels = contract.image_channels
    if image.ndim != 3 or image.shape[2] not in {1, channels} or image.dtype not in _DTYPES:
        raise RestorerError(
            f"{model} takes (H, W, {channels}) uint8 or uint16, not {image.shape} {image.dtype}"
        )
    if noise_level is not None and not contract.noise_level:
        raise RestorerError(f"{model} takes no noise level, but {noise_level:g} is given")
    if not 0 <= strength <= 100:
        raise RestorerError(f"strength must be from 0 to 100, not {strength:g}")
    part = None if region is None else _read_region(region, image.shape)
    rows: PixelRows = image
    if contract.noise_level:
        level = estimate_noise_level(to_unit(image)) if noise_level is None else noise_level
        rows = RowsWithLevel(image, level, channels=channels)
    restored = np.empty(restored_shape(rows.shape, contract, part), image.dtype)
    restore_tiled(
        image=rows,
        output=restored,
        contract=contract,
        infer=TorchTiles(release, device=open_device(device)),
        in_flight=1,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
        strength=strength / 100,
        region=part,
    )
    return restored


def _read_region(values: tuple[int, int, int, int], shape: tuple[int, ...]) -> Region:
    left, top, width, height = values
    try:
        region = Region(left=left, top=top, width=width, height=height)
    except ValueError as error:
        raise RestorerError(str(error)) from error
    if not region.is_inside(height=shape[0], width=shape[1]):
        raise RestorerError(
            f"the region {region} is not inside the image of {shape[1]}x{shape[0]} pixels"
        )
    return region
