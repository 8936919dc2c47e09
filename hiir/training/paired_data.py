"""The real pairs that a run learns from, and how a configuration names them."""

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
    """Its folder or list file, relative to that of the images."""
    layout: Layout | None = None
    """How the pairs lie on disk; detected unless given."""
    share: float = Field(gt=0, le=1)
    """Of the patches."""


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
    """The pairs of a run; None if there are none.

    A data set that is not on this machine is left out with a warning: the recipe degrades its
    share of the patches instead.

    Args:
        named: by the configuration.
        root: of the images.
        cache: folder of the packs.
        color: what images are turned into.
        scale: clean pixels per degraded pixel, along a side.
        views: 2 for a dual-pixel sensor's, else 1.
        min_side: least side of a clean image in pixels.
        skip_corrupt: leave out what cannot be decoded, with a warning.
        skip_small: leave out what is smaller, with a warning.

    Raises:
        DatasetError: for pairs that cannot be used.
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
