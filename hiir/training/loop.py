"""Training: one process, or several with averaged gradients, resumed exactly where they stopped.

Started by `torchrun`, each process draws its own patches and DistributedDataParallel averages the
gradients (gloo on CPUs). On a CPU one process a core beats one process with as many threads: small
operations do not wait for each other.
"""

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from hiir.datasets.denoising import NoisyPatches
from hiir.datasets.pool import ImagePool
from hiir.models.presets import build_model
from hiir.training.config import TrainingConfig
from hiir.training.ema import WeightAverage
from hiir.training.run_folder import Checkpoint, RunFolder
from hiir.training.schedule import learning_rate
from hiir.training.validation import Validator

__all__ = ["train"]

logger = logging.getLogger(__name__)


def train(config: TrainingConfig, run: RunFolder) -> None:
    """Train until ``config.steps``, from the run's checkpoint if it has one.

    An interrupt or SIGTERM ends the run after the step under way, with a checkpoint.

    Raises:
        DatasetError: for images that cannot be used.
    """
    with _process_group() as (rank, world):
        _Run(config, run, rank=rank, world=world).go()


class _Run:
    def __init__(self, config: TrainingConfig, run: RunFolder, *, rank: int, world: int) -> None:
        self.config, self.folder, self.rank = config, run, rank
        torch.manual_seed(config.seed)
        self.model = build_model(config.preset)
        self.average = WeightAverage(self.model, decay=config.ema)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=config.optimizer.lr,
            betas=config.optimizer.betas,
            weight_decay=config.optimizer.weight_decay,
        )
        self.step = 0
        checkpoint = run.load()
        if checkpoint is not None:
            self._restore(checkpoint)
        self.trained: nn.Module = (
            DistributedDataParallel(self.model, forward_sync_buffers=False)
            if world > 1
            else self.model
        )
        self.patches = self._open_data(world)
        self.validator = Validator(config) if rank == 0 else None
        self.stop = False

    def _open_data(self, world: int) -> NoisyPatches:
        data = self.config.data
        folders = [data.root / name for name in data.train]
        side = max(phase.patch for phase in self.config.phases)
        if self.rank == 0:
            ImagePool.open(folders, cache=data.cache, min_side=side)
        if world > 1:
            dist.barrier()  # one process packs, the others find the pack
        return NoisyPatches(
            pool=ImagePool.open(folders, cache=data.cache, min_side=side),
            sigma_min=data.sigma_min,
            sigma_max=data.sigma_max,
            clip_share=data.clip_share,
            seed=self.config.seed,
            rank=self.rank,
        )

    def go(self) -> None:
        if self.rank == 0:
            self.folder.begin(self.config)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask_to_stop)
        began, waited, losses = time.monotonic(), 0.0, []
        while self.step < self.config.steps and not self._stops():
            phase = self.config.phase(self.step)
            asked = time.monotonic()
            batch = self.patches.batch(self.step, size=phase.batch, patch=phase.patch)
            waited += time.monotonic() - asked
            losses.append(self._learn(batch.degraded, batch.clean))
            self.step += 1
            self.average.update(self.step)
            if self.rank == 0 and self.step % self.config.log_every == 0:
                seconds = time.monotonic() - began
                self._log(sum(losses) / len(losses), seconds / len(losses), waited / seconds)
                began, waited, losses = time.monotonic(), 0.0, []
            if self.rank == 0 and self.step % self.config.checkpoint_every == 0:
                self._save()
            if self.validator is not None and self.step % self.config.validate_every == 0:
                self._validate(self.validator)
                began, waited, losses = time.monotonic(), 0.0, []
        if self.rank == 0:
            self._save()

    def _learn(self, degraded: torch.Tensor, clean: torch.Tensor) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.step)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.config.bf16):
            restored = self.trained(degraded)
        loss = (restored.float() - clean).abs().mean()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optimizer.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _log(self, loss: float, seconds: float, waiting: float) -> None:
        rate = learning_rate(self.config, self.step - 1)
        logger.info(
            "step %d/%d loss %.5f lr %.2e %.3f s/step, %.1f %% waiting for data",
            *(self.step, self.config.steps, loss, rate, seconds, 100 * waiting),
        )
        self.folder.log(step=self.step, loss=loss, lr=rate, seconds=seconds, waiting=waiting)

    def _validate(self, validator: Validator) -> None:
        scores = validator.score(self.average)
        logger.info("step %d validation PSNR %s", self.step, scores)
        self.folder.log(step=self.step, validation=scores)

    def _stops(self) -> bool:
        """Whether any process was asked to stop: all end after the same step."""
        if not dist.is_initialized():
            return self.stop
        flag = torch.tensor(float(self.stop))
        dist.all_reduce(flag, op=dist.ReduceOp.MAX)
        return bool(flag)

    def _ask_to_stop(self, *_: object) -> None:
        self.stop = True

    def _save(self) -> None:
        # A parameter without a state has not had a step yet.
        moments = {
            name: self.optimizer.state.get(parameter, {})
            for name, parameter in self.model.named_parameters()
        }
        self.folder.save(
            Checkpoint(
                step=self.step,
                weights={name: p.detach() for name, p in self.model.named_parameters()},
                average=self.average.average,
                first_moment={n: s["exp_avg"] for n, s in moments.items() if s},
                second_moment={n: s["exp_avg_sq"] for n, s in moments.items() if s},
            )
        )

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.step = checkpoint.step
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(checkpoint.weights[name])
                if name in checkpoint.first_moment:
                    self.optimizer.state[parameter] = {
                        "step": torch.tensor(float(checkpoint.step)),
                        "exp_avg": checkpoint.first_moment[name].clone(),
                        "exp_avg_sq": checkpoint.second_moment[name].clone(),
                    }
        self.average.load(dict(checkpoint.average))


@contextmanager
def _process_group() -> Iterator[tuple[int, int]]:
    """Rank and number of processes, joined if `torchrun` started several."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield 0, 1
        return
    dist.init_process_group("gloo")
    try:
        yield dist.get_rank(), world
    finally:
        dist.destroy_process_group()
