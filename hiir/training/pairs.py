"""Opens the real pairs that a configuration names."""

import logging

from hiir.datasets.pair_pool import PairPool
from hiir.datasets.paired import PairCrops
from hiir.training.config import Feed, TrainingConfig

__all__ = ["open_pairs"]

logger = logging.getLogger(__name__)


def open_pairs(config: TrainingConfig) -> PairCrops | None:
    """The pairs of a run; None if there are none.

    A data set that is not on this machine is left out with a warning: the recipe degrades its
    share of the patches instead.

    Raises:
        DatasetError: for pairs that cannot be used.
    """
    data = config.data
    tiles = data.feed is Feed.TILES
    inner = (data.tile - 2 * data.degradation.margin) // data.degradation.scale
    largest = max(phase.patch for phase in config.phases)
    sets = []
    for pairs in data.pairs:
        root = data.root / pairs.root
        if not root.exists():
            logger.warning(
                "%s does not exist: %g %% of the patches are degraded by the recipe instead",
                *(root, 100 * pairs.share),
            )
            continue
        pool = PairPool.open(
            root,
            layout=pairs.layout,
            cache=data.cache,
            scale=data.degradation.scale,
            views=data.degradation.views,
            min_side=inner * data.degradation.scale if tiles else largest,
            skip_corrupt=data.skip_corrupt,
            skip_small=data.skip_small,
        )
        sets.append((pool, pairs.share))
    return PairCrops(sets, color=data.colour) if sets else None
