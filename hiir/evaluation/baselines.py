"""Classical methods as baselines, measured in the same way as models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from hiir.degradations.imresize import imresize
from hiir.degradations.mosaic import mosaic
from hiir.errors import HiirError
from hiir.evaluation.restorer import Restorer
from hiir.imaging import BayerPattern, FloatPixels, demosaic_malvar

__all__ = ["BASELINES", "BaselineError", "build_baseline"]


class BaselineError(HiirError):
    """A baseline cannot be run; the message says what is missing."""


class InputRestorer:
    """The identity: returns the input, which every model must beat. Two views are averaged."""

    def __init__(self, *, scale: int = 1) -> None:
        if scale > 1:
            raise BaselineError(
                f"the input is {scale} times smaller than the clean image: take `bicubic`"
            )

    def restore(self, image: FloatPixels) -> FloatPixels:
        """Return the image unchanged, including noise outside [0, 1]."""
        if image.shape[2] == 6:
            return np.asarray((image[..., :3] + image[..., 3:]) / 2, np.float32)
        return image


class BicubicRestorer:
    """Bicubic enlargement as MATLAB's `imresize`."""

    def __init__(self, *, scale: int) -> None:
        if scale < 2:
            raise BaselineError("bicubic enlarges: it needs a degradation that reduces")
        self._scale = scale

    def restore(self, image: FloatPixels) -> FloatPixels:
        """Enlarge ``(H, W, C)`` float32 to ``(scale * H, scale * W, C)``."""
        return imresize(image, self._scale)


class NonLocalMeans:
    """scikit-image's non-local means, with a given or an estimated noise level."""

    def __init__(self, *, sigma: float | None) -> None:
        self._restoration = _import("skimage.restoration", package="scikit-image")
        self._sigma = sigma

    def restore(self, image: FloatPixels) -> FloatPixels:
        """Denoise ``(H, W, C)`` float32."""
        sigma = self._sigma
        if sigma is None:
            sigma = _estimate_sigma(image)
        level = sigma / 255
        restored: npt.NDArray[np.floating[Any]] = self._restoration.denoise_nl_means(
            image,
            patch_size=5,
            patch_distance=6,
            h=0.6 * level,
            sigma=level,
            fast_mode=True,
            channel_axis=2,
        )
        return np.asarray(restored, np.float32)


class Bm3d:
    """BM3D (CBM3D for color) from its authors' package, with a given noise level."""

    def __init__(self, *, sigma: float | None) -> None:
        if sigma is None:
            raise BaselineError("bm3d needs the noise level: pass --sigma")
        self._bm3d = _import("bm3d", package="bm3d")
        self._sigma = sigma

    def restore(self, image: FloatPixels) -> FloatPixels:
        """Denoise ``(H, W, C)`` float32."""
        color = image.shape[2] == 3
        filtering = self._bm3d.bm3d_rgb if color else self._bm3d.bm3d
        restored = filtering(image if color else image[..., 0], self._sigma / 255)
        return np.asarray(restored, np.float32).reshape(image.shape)


class MalvarRestorer:
    """Demosaicking of one pattern by Malvar, He and Cutler (2004).

    The mosaic is sampled from the image, so that an image that was demosaicked in this way is
    unchanged.
    """

    def __init__(self, *, pattern: BayerPattern | None) -> None:
        if pattern is None:
            raise BaselineError(
                "malvar needs a set in which all mosaics have one pattern: degrade the images by "
                "[{kind: bayer, patterns: [rggb]}], for example"
            )
        self._pattern = pattern

    def restore(self, image: FloatPixels) -> FloatPixels:
        """Mosaic ``(H, W, 3)`` float32 and demosaic it."""
        return demosaic_malvar(mosaic(image, self._pattern), self._pattern)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The known parameters of a degradation."""

    scale: int
    sigma: float | None
    pattern: BayerPattern | None


BASELINES: Mapping[str, Callable[[_Known], Restorer]] = MappingProxyType(
    {
        "input": lambda known: InputRestorer(scale=known.scale),
        "bicubic": lambda known: BicubicRestorer(scale=known.scale),
        "nlm": lambda known: NonLocalMeans(sigma=known.sigma),
        "bm3d": lambda known: Bm3d(sigma=known.sigma),
        "malvar": lambda known: MalvarRestorer(pattern=known.pattern),
    }
)


def build_baseline(
    name: str,
    *,
    scale: int = 1,
    sigma: float | None = None,
    pattern: BayerPattern | None = None,
) -> Restorer:
    """Build a baseline for a degradation.

    Args:
        name: one of `BASELINES`.
        scale: clean pixels per degraded pixel, along a side.
        sigma: noise level on the scale of 255, if it is known.
        pattern: Bayer pattern, if all mosaics share one.

    Raises:
        BaselineError: if the name is unknown, a package is missing, or the method does not suit the
            degradation.
    """
    if name not in BASELINES:
        raise BaselineError(f"no baseline {name!r}; there are {', '.join(BASELINES)}")
    return BASELINES[name](_Known(scale=scale, sigma=sigma, pattern=pattern))


def _estimate_sigma(image: FloatPixels) -> float:
    """Estimate the noise level on the scale of 255, by the median of diagonal Haar details.

    Donoho's robust estimate.
    """
    height, width = (side // 2 * 2 for side in image.shape[:2])
    a, b = image[0:height:2, 0:width:2], image[0:height:2, 1:width:2]
    c, d = image[1:height:2, 0:width:2], image[1:height:2, 1:width:2]
    return 255 * float(np.median(np.abs(a - b - c + d) / 2)) / 0.6745


def _import(module: str, *, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise BaselineError(
            f"this baseline needs {package}: pip install 'hiir-restore[baselines]'"
        ) from error
