"""The real pairs that a run trains on, and their configuration."""

import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from hiir.datasets.packed_pairs import PackedPairs
from hiir.datasets.pair_crops import PairCrops
from hiir.datasets.pair_layouts import Layout
from hiir.datasets.photo_files import ColorMode

__all__ = ["PairsConfig", "open_pairs"]

logger = logging.getLogger(__name__)


class PairsConfig(BaseModel):
    """A data set of degraded and clean photos."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path
    """Folder or list file of the data set, relative to the root of the images."""
    layout: Layout | None = None
    """Folder layout of the pairs; detected by default."""
    share: float = Field(gt=0, le=1)
    """Share of the patches."""


def open_pairs(
    named: Sequence[PairsConfig],
    *,
    root: Path,
    cache: Path,
    color: ColorMode,
    scale: int,
    views: int,
    min_side: int,
    skip_corrupt: bool = False,
    skip_small: bool = False,
) -> PairCrops | None:
    """Open the pairs of a run; returns None if there are none.

    A data set that does not exist on this machine is skipped with a warning: the recipe degrades
    its share of the patches instead.

    Args:
        named: data sets of the configuration.
        root: root folder of the images.
        cache: folder of the packed pairs.
        color: color mode that images are converted to.
        scale: clean pixels per degraded pixel, along a side.
        views: 2 for pairs of a dual-pixel sensor, otherwise 1.
        min_side: minimum side of a clean image in pixels.
        skip_corrupt: skip files that cannot be decoded, with a warning.
        skip_small: skip smaller images, with a warning.

    Raises:
        DatasetError: if pairs cannot be used.
    """
    sets = []
    for pairs in named:
        folder = root / pairs.root
        if not folder.exists():
            logger.warning(
                "%s does not exist: %g %% of the patches are degraded by the recipe instead",
                *(folder, 100 * pairs.share),
            )
            continue
        pool = PackedPairs.open(
            folder,
            layout=pairs.layout,
            cache=cache,
            scale=scale,
            views=views,
            min_side=min_side,
            skip_corrupt=skip_corrupt,
            skip_small=skip_small,
        )
        sets.append((pool, pairs.share))
    return PairCrops(sets, color=color) if sets else None
