"""Restores an image by a shipped model: the library's shortest way from image to image."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from hiir.evaluation.restorer import RestorerError
from hiir.evaluation.torch_tiles import TorchTiles, open_device
from hiir.imaging import (
    PixelRows,
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
    device: str = "cpu",
) -> npt.NDArray[_Sample]:
    """Restore an image of any size, in tiles, as the service does.

    Args:
        image: ``(H, W, C)`` uint8 or uint16 in RGB order; C is 1 for gray, 3 for color, 6 for the
            two views of a dual-pixel sensor.
        model: name of a shipped model; `list_models` lists them.
        noise_level: standard deviation of the noise on the scale of 255, for a model that takes
            it; estimated from the image unless given. A lower level keeps more detail.
        device: ``cpu``, ``cuda`` or ``cuda:N``.

    Returns:
        ``(scale * H, scale * W, C')`` of the image's type.

    Raises:
        ReleaseError: for an unknown model.
        RestorerError: for an image or a noise level that the model does not take, or a device that
            is absent.

    >>> import numpy as np
    >>> from hiir import restore
    >>> photo = np.full((48, 64, 3), 128, np.uint8)
    >>> restore(photo, "sr-x2").shape
    (96, 128, 3)
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
    rows: PixelRows = image
    if contract.noise_level:
        level = estimate_noise_level(to_unit(image)) if noise_level is None else noise_level
        rows = RowsWithLevel(image, level, channels=channels)
    restored = np.empty(restored_shape(rows.shape, contract), image.dtype)
    restore_tiled(
        image=rows,
        output=restored,
        contract=contract,
        infer=TorchTiles(release, device=open_device(device)),
        in_flight=1,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    return restored
