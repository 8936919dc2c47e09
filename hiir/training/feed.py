"""Batches in the order of the steps, prepared ahead by processes of their own if wanted."""

import signal
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Dataset

from hiir.datasets.patches import Batch, DegradedPatches
from hiir.training.config import TrainingConfig

__all__ = ["feed"]

_AHEAD = 4  # batches that each process prepares in advance


class _Steps(Dataset[Batch]):
    """The batch of each step, for one process of several."""

    def __init__(self, patches: DegradedPatches, config: TrainingConfig, rank: int) -> None:
        self._patches = patches
        self._config = config
        self._rank = rank

    def __getitem__(self, step: int) -> Batch:
        phase = self._config.phase(step)
        return self._patches.batch(
            step, size=phase.batch, patch=phase.patch, first=self._rank * phase.batch
        )


def feed(
    patches: DegradedPatches,
    config: TrainingConfig,
    *,
    first_step: int,
    rank: int,
    world: int,
    pin: bool,
) -> Iterator[Batch]:
    """Yield the batches of one process from a step to the end of the run.

    Args:
        patches: the stream.
        config: phases and number of preparing processes.
        first_step: counted from 0.
        rank: of this process; its patches are numbered behind those of lower ranks.
        world: number of processes.
        pin: put batches into memory that a GPU copies from by itself.
    """
    if not 0 <= rank < world:
        raise ValueError(f"rank {rank} is none of {world} processes")
    loader: DataLoader[Batch] = DataLoader(
        _Steps(patches, config, rank),
        sampler=range(first_step, config.steps),
        batch_size=None,
        num_workers=config.data.workers,
        prefetch_factor=_AHEAD if config.data.workers else None,
        worker_init_fn=_prepare_worker,
        pin_memory=pin,
    )
    return iter(loader)


def _prepare_worker(_: int) -> None:
    # Signals end the run through its parent: the step under way must not lose its data.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
