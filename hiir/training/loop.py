"""Training: in one process or several, resumed exactly where it stopped.

Lightning Fabric starts the processes, places the network and averages the gradient, which is one
tensor; patches depend on seed, step and number alone, so that however many processes share a step,
it is the same step. On a CPU one process a core beats one process with as many threads: small
operations do not wait for each other.
"""

import gc
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from hiir.datasets.patches import Batch, DegradedPatches
from hiir.datasets.pool import ImagePool
from hiir.models.presets import build_model
from hiir.training.checkpoint import Checkpoint
from hiir.training.config import ConfigError, TrainingConfig
from hiir.training.ema import WeightAverage
from hiir.training.feed import feed
from hiir.training.flat_weights import FlatWeights
from hiir.training.losses import build_loss
from hiir.training.memory import keep_freed_memory
from hiir.training.optimizer import FlatOptimizer
from hiir.training.preparation import check_channels, compiled, start_from
from hiir.training.progress import Progress
from hiir.training.run_folder import RunFolder
from hiir.training.schedule import learning_rate
from hiir.training.validation import Validator

__all__ = ["train"]


# Whether to stop is asked of all processes together; on a GPU that waits for it.
_ASK_EVERY = 10


def train(
    config: TrainingConfig,
    run: RunFolder,
    *,
    devices: int = 1,
    nodes: int = 1,
    accelerator: str = "auto",
    seconds: float | None = None,
) -> None:
    """Train until ``config.steps``, from the run's checkpoint if it has one.

    An interrupt, SIGTERM or the end of the given time ends the run after the step under way, with
    a checkpoint; the same call goes on from there.

    Args:
        config: everything that decides the run.
        run: its folder.
        devices: GPUs, or processes on a CPU, of each machine; started here, or by `torchrun`.
        nodes: machines.
        accelerator: `auto` takes a GPU if there is one; `cpu`, `cuda`.
        seconds: to stop after.

    Raises:
        ConfigError: for data that does not fit the network.
        DatasetError: for images that cannot be used.
        LossError: for a loss whose features are missing.
    """
    started_by_launcher = int(os.environ.get("WORLD_SIZE", "0"))
    devices = started_by_launcher // nodes or devices
    fabric = Fabric(
        accelerator=accelerator,
        devices=devices,
        num_nodes=nodes,
        strategy="ddp" if devices * nodes > 1 else "auto",
    )
    fabric.launch()
    keep_freed_memory()
    _Run(config, run, fabric, seconds=seconds).go()
    if devices * nodes > 1:
        # The group's threads hold tensors: still there when the interpreter ends, they abort it.
        # They end with the last that refers to the group, and nothing in a cycle may be that.
        gc.collect()
        torch.distributed.destroy_process_group()


class _Run:
    def __init__(
        self, config: TrainingConfig, run: RunFolder, fabric: Fabric, *, seconds: float | None
    ) -> None:
        self.config, self.folder, self.fabric = config, run, fabric
        self.deadline = None if seconds is None else time.monotonic() + seconds
        torch.manual_seed(config.seed)
        torch.set_float32_matmul_precision("high")  # TF32 on GPUs; nothing changes on a CPU
        self.loss = fabric.to_device(build_loss(config.loss))
        model = build_model(config.preset, config.model)
        check_channels(config, model.config.in_channels, model.config.out_channels)
        checkpoint = run.load()
        if checkpoint is None and config.init is not None:
            start_from(model, config.init)
        self.model = fabric.to_device(model)
        dtype = torch.bfloat16 if config.bf16 else torch.float32
        self.weights = FlatWeights(self.model, dtype=dtype)
        self.average = WeightAverage(self.weights, decay=config.ema)
        self.optimizer = FlatOptimizer(config.optimizer, self.weights)
        self.step = 0
        if checkpoint is not None:
            self._restore(checkpoint)
        if fabric.world_size > 1:
            self._begin_together()
        self.trained = compiled(self.model, config.compile, device=fabric.device)
        self.patches = self._open_data()
        self.validator = Validator(config, device=fabric.device) if fabric.is_global_zero else None
        self.stop = False

    def _begin_together(self) -> None:
        """Give all processes the weights of the first: machines draw them differently.

        Raises:
            ConfigError: if not all found the same checkpoint.
        """
        steps = torch.tensor([self.step, -self.step], device=self.fabric.device)
        torch.distributed.all_reduce(steps, op=torch.distributed.ReduceOp.MAX)
        latest, earliest = int(steps[0]), -int(steps[1])
        if earliest != latest:
            raise ConfigError(
                f"processes would go on from step {earliest} and from step {latest}: all machines "
                f"must share the folder of the run, {self.folder.path}"
            )
        torch.distributed.broadcast(self.weights.values.detach(), src=0)
        self.weights.publish()

    def _open_data(self) -> DegradedPatches:
        data = self.config.data
        folders = [data.root / name for name in data.train]
        margin = data.degradation.margin
        side = max(phase.patch for phase in self.config.phases) + 2 * margin

        def open_pool() -> ImagePool:
            return ImagePool.open(
                folders, cache=data.cache, min_side=side, skip_corrupt=data.skip_corrupt
            )

        # One process packs, the others find the pack.
        with self.fabric.rank_zero_first():
            pool = open_pool()
        return DegradedPatches(
            pool=pool,
            recipe=data.degradation,
            colour=data.colour,
            seed=self.config.seed,
            drawn_share=data.drawn_share,
        )

    def go(self) -> None:
        config, zero = self.config, self.fabric.is_global_zero
        if zero:
            self.folder.begin(config, self._environment())
        with self._stopped_by_signals():
            self._train_to_the_end()
        if zero:
            self._save()

    def _train_to_the_end(self) -> None:
        config, zero, world = self.config, self.fabric.is_global_zero, self.fabric.world_size
        with Progress(config, self.folder, start=self.step, world=world, shown=zero) as progress:
            for batch in self._batches(progress):
                progress.add(self._learn(batch))
                self.step += 1
                self.average.update(self.step)
                if self.step % config.log_every == 0:
                    # Every process takes part: the figure is of all patches.
                    loss = float(cast("Tensor", self.fabric.all_reduce(progress.mean_loss())))
                    progress.log(self.step, loss, rate=learning_rate(config, self.step - 1))
                if zero and self.step % config.checkpoint_every == 0:
                    self._save()
                if self.validator is not None and self.step % config.validate_every == 0:
                    progress.validated(self.step, self.validator.score(self.average))
                if self._stops():
                    break

    @contextmanager
    def _stopped_by_signals(self) -> Iterator[None]:
        """Let an interrupt or SIGTERM end the run after the step under way."""
        before = {n: signal.signal(n, self._ask_to_stop) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _batches(self, progress: Progress) -> Iterator[Batch]:
        """Batches from here to the end; what is waited for them is counted."""
        batches = feed(
            self.patches,
            self.config,
            first_step=self.step,
            rank=self.fabric.global_rank,
            world=self.fabric.world_size,
            pin=self.fabric.device.type == "cuda",
        )
        while self.step < self.config.steps:
            with progress.waiting():
                batch = next(batches).to(self.fabric.device)
            yield batch

    def _learn(self, batch: Batch) -> Tensor:
        restored = self.trained(batch.degraded)
        loss: Tensor = self.loss(restored.float(), batch.clean)
        self.fabric.backward(loss)
        self.weights.collect()
        if self.config.optimizer.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.weights.values, self.config.optimizer.clip_norm)
        self.optimizer.step(learning_rate(self.config, self.step))
        self.weights.publish()
        return loss.detach()

    def _stops(self) -> bool:
        """Whether any process is to stop: all end after the same step."""
        late = self.deadline is not None and time.monotonic() > self.deadline
        if self.fabric.world_size == 1:
            return self.stop or late
        if self.fabric.device.type == "cuda" and self.step % _ASK_EVERY:
            return False
        flag = torch.tensor(float(self.stop or late), device=self.fabric.device)
        return bool(cast("Tensor", self.fabric.all_reduce(flag, reduce_op="max")))

    def _ask_to_stop(self, *_: object) -> None:
        self.stop = True

    def _environment(self) -> dict[str, object]:
        device = self.fabric.device
        cuda = device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(device) if cuda else device.type,
            "processes": self.fabric.world_size,
            "threads": torch.get_num_threads(),
        }

    def _save(self) -> None:
        first, second = self.optimizer.moments()
        self.folder.save(
            Checkpoint(
                step=self.step,
                weights=self.weights.named(self.weights.values.detach()),
                average=self.average.named,
                first_moment=first,
                second_moment=second,
            )
        )

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.step = checkpoint.step
        self.weights.fill(self.weights.values, checkpoint.weights)
        self.weights.publish()
        self.average.load(checkpoint.average)
        self.optimizer.load(checkpoint.step, checkpoint.first_moment, checkpoint.second_moment)
