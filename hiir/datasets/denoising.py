"""Clean patches and their noisy versions, every batch a function of seed, rank and step."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hiir.datasets.pool import ImagePool
from hiir.degradations.noise import add_gaussian_noise, as_file

__all__ = ["Batch", "NoisyPatches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Input and target, ``(B, C, H, W)`` float32; the target in [0, 1], noise is not clipped."""

    degraded: Tensor
    clean: Tensor


class NoisyPatches:
    """Random crops, flipped and turned, with a noise level of their own each."""

    def __init__(
        self,
        *,
        pool: ImagePool,
        sigma_min: float,
        sigma_max: float,
        clip_share: float,
        seed: int,
        rank: int,
    ) -> None:
        """Describe the stream.

        Args:
            pool: clean images.
            sigma_min: lowest noise level, on the scale of 255.
            sigma_max: highest noise level; levels are drawn uniformly.
            clip_share: share of patches whose noise is rounded to 8 bits and clipped, as in files.
            seed: of the run.
            rank: of this process; processes draw different patches.
        """
        self._pool = pool
        self._sigma = (sigma_min, sigma_max)
        self._clip_share = clip_share
        self._seed = (seed, rank)

    def batch(self, step: int, *, size: int, patch: int) -> Batch:
        """Draw the batch of one step: the same for the same seed, rank and step."""
        random = np.random.default_rng((*self._seed, step))
        clean = torch.from_numpy(np.stack([self._crop(random, patch) for _ in range(size)]))
        clean = clean.permute(0, 3, 1, 2).contiguous().float().div_(255)
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        sigma = torch.from_numpy(random.uniform(*self._sigma, size).astype(np.float32))
        noisy = add_gaussian_noise(clean, sigma, generator=generator)
        filed = torch.from_numpy(random.random(size) < self._clip_share)
        noisy[filed] = as_file(noisy[filed])
        return Batch(degraded=noisy, clean=clean)

    def _crop(self, random: np.random.Generator, patch: int) -> npt.NDArray[np.uint8]:
        image = self._pool[int(random.integers(len(self._pool)))]
        top = int(random.integers(image.shape[0] - patch + 1))
        left = int(random.integers(image.shape[1] - patch + 1))
        crop = np.rot90(image[top : top + patch, left : left + patch], int(random.integers(4)))
        return crop[:, ::-1] if random.integers(2) else crop
