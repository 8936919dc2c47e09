"""Blur that is uniform over the picture."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from hiir.degradations.convolution import convolve
from hiir.degradations.kernels import KernelShape, gaussian_kernel, sinc_kernel
from hiir.degradations.steps.base import (
    BaseStep,
    Range,
    Shares,
    draw,
    draw_integer,
    draw_share,
)
from hiir.imaging import FloatPixels

__all__ = ["Blur"]


class Blur(BaseStep):
    """Blur with one kernel; shapes and probabilities are those of Real-ESRGAN."""

    kind: Literal["blur"] = "blur"
    sigma: Range
    """Standard deviation in pixels, along each axis."""
    shapes: Shares[KernelShape] = Field(
        default={
            KernelShape.ISOTROPIC: 0.405,
            KernelShape.ANISOTROPIC: 0.225,
            KernelShape.GENERALIZED: 0.135,
            KernelShape.PLATEAU: 0.135,
            KernelShape.SINC: 0.1,
        }
    )
    """One shape, or relative probabilities."""
    size: Range = (7, 21)
    """Rows and columns of the kernel; an odd number is drawn."""
    generalized_beta: Range = (0.5, 4.0)
    """Exponent of a generalized Gaussian."""
    plateau_beta: Range = (1.0, 2.0)
    """Exponent of a plateau."""
    cutoff: Range = (np.pi / 3, np.pi)
    """Highest frequency that a sinc filter passes, in radians per pixel."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Blur":
        limits = {
            "sigma": (0.05, 20.0),
            "size": (3, 101),
            "generalized_beta": (0.1, 8.0),
            "plateau_beta": (0.1, 8.0),
            "cutoff": (0.5, float(np.pi)),
        }
        for name, (low, high) in limits.items():
            bounds = getattr(self, name)
            if not low <= bounds[0] <= bounds[1] <= high:
                raise ValueError(f"{name} must be within {low:g} to {high:g}, not {bounds}")
        return self

    @property
    def margin(self) -> int:
        """Half of the largest kernel."""
        return int(self.size[1]) // 2

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Blur the image with one random kernel."""
        return convolve(image, self._kernel(random), precise=False)

    def _kernel(self, random: np.random.Generator) -> npt.NDArray[np.float64]:
        shape = draw_share(self.shapes, random)
        low, high = (int(bound) // 2 for bound in self.size)
        size = 2 * draw_integer((low, high), random) + 1
        if shape is KernelShape.SINC:
            return sinc_kernel(size, cutoff=draw(self.cutoff, random))
        sigma, other = draw(self.sigma, random), draw(self.sigma, random)
        angle = random.uniform(0, np.pi)
        if shape is KernelShape.ISOTROPIC:
            return gaussian_kernel(size, sigma=(sigma, sigma))
        if shape is KernelShape.ANISOTROPIC:
            return gaussian_kernel(size, sigma=(sigma, other), angle=angle)
        # Half of either family is round, as in Real-ESRGAN.
        widths = (sigma, sigma if random.random() < 0.5 else other)
        if shape is KernelShape.GENERALIZED:
            beta = draw(self.generalized_beta, random)
            return gaussian_kernel(size, sigma=widths, angle=angle, beta=beta)
        beta = draw(self.plateau_beta, random)
        return gaussian_kernel(size, sigma=widths, angle=angle, beta=beta, plateau=True)
