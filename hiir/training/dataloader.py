"""Batches of single patches in the order of the steps, optionally prepared by processes."""

import signal
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from hiir.datasets.degraded_patches import Batch, DegradedPatches
from hiir.training.config import PhaseConfig, TrainingConfig
from hiir.training.run_position import RunPosition

__all__ = ["PatchLoader"]

_AHEAD = 4  # batches that each process prepares in advance

_Asked = tuple[int, PhaseConfig]


class PatchLoader:
    """The batches of one process, starting at the run's position."""

    def __init__(
        self,
        patches: DegradedPatches,
        config: TrainingConfig,
        *,
        position: RunPosition,
        device: torch.device,
        rank: int,
        world: int,
    ) -> None:
        """Start the processes that prepare batches, if there are any.

        Args:
            patches: source of the patches.
            config: phases and number of worker processes.
            position: position of the run; a batch belongs to the phase at the time of its request.
            device: device of the batches.
            rank: rank of this process; its patches are numbered after those of lower ranks.
            world: number of processes.
        """
        if not 0 <= rank < world:
            raise ValueError(f"rank {rank} must be from 0 to {world - 1}")
        self._device = device
        loader: DataLoader[Batch] = DataLoader(
            _Batches(patches, rank),
            sampler=_Steps(config, position),
            batch_size=None,
            num_workers=config.data.workers,
            prefetch_factor=_AHEAD if config.data.workers else None,
            worker_init_fn=_prepare_worker,
            pin_memory=device.type == "cuda",
        )
        self._batches = iter(loader)

    def next(self, phase: PhaseConfig, *, size: int) -> Batch:  # noqa: ARG002 - prepared ahead
        """Return the first ``size`` patches of the next step's batch, on the device."""
        batch = next(self._batches)
        return Batch(degraded=batch.degraded[:size], clean=batch.clean[:size]).to(self._device)


class _Batches(Dataset[Batch]):
    """The batch of a step, for one of several processes."""

    def __init__(self, patches: DegradedPatches, rank: int) -> None:
        self._patches = patches
        self._rank = rank

    def __getitem__(self, asked: _Asked) -> Batch:
        step, phase = asked
        first = self._rank * phase.batch
        return self._patches.batch(step, size=phase.batch, patch=phase.patch, first=first)


class _Steps(Sampler[_Asked]):
    """Steps with their phases, until the end of the run."""

    def __init__(self, config: TrainingConfig, position: RunPosition) -> None:
        self._config = config
        self._position = position

    def __iter__(self) -> Iterator[_Asked]:
        step = self._position.step
        while True:
            if self._config.duration is not None:
                yield step, self._position.phase
            elif step < self._config.steps:
                yield step, self._config.phase(step)
            else:
                return
            step += 1


def _prepare_worker(_: int) -> None:
    # Signals end the run through its parent: the step under way must not lose its data.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
