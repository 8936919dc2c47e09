"""The training loop, in one or several processes; a run resumes exactly where it stopped.

Lightning Fabric starts the processes, places the network and averages the gradient, which is one
tensor. Patches depend only on the seed, the step and their number, so that a step is the same for
any number of processes. On a CPU one process per core is faster than one process with as many
threads, because small operations do not wait for each other.
"""

import gc
import json
import logging
import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor

from hiir.models.presets import build_model
from hiir.training.checkpoint import Checkpoint, CheckpointError
from hiir.training.compilation import compiled
from hiir.training.config import ConfigError, TrainingConfig
from hiir.training.ema import WeightAverage
from hiir.training.flat_weights import FlatWeights
from hiir.training.initial_weights import check_channels, start_from
from hiir.training.losses import build_loss
from hiir.training.malloc import keep_freed_memory
from hiir.training.optimizer import FlatOptimizer
from hiir.training.portable_run import write_portable
from hiir.training.progress import Progress
from hiir.training.run_folder import RunFolder
from hiir.training.run_position import RunPosition
from hiir.training.schedule import learning_rate
from hiir.training.step import TrainingStep
from hiir.training.step_triggers import StepTriggers
from hiir.training.training_data import TrainingData
from hiir.training.validation import Validator

__all__ = ["train"]

logger = logging.getLogger(__name__)


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
    allow_changed: bool = False,
    carry: Path | None = None,
    carry_averages: bool = False,
) -> bool:
    """Train to the end of the schedule, from the run's checkpoint if it has one.

    SIGINT, SIGTERM or the time limit ends the run after the current step, with a checkpoint; the
    same call resumes it.

    Args:
        config: configuration of the run.
        run: folder of the run.
        devices: number of GPUs, or of processes on a CPU, per machine; started here or by
            `torchrun`.
        nodes: number of machines.
        accelerator: `auto` (a GPU if there is one), `cpu` or `cuda`.
        seconds: time limit, wherever the schedule is then.
        allow_changed: resume a run although its configuration has changed.
        carry: folder to which each checkpoint is also written, in small files.
        carry_averages: write only the averaged weights there, without the state to resume from.

    Returns:
        True if the end of the schedule was reached.

    Raises:
        ConfigError: if the data does not match the network, or the folder holds a run of another
            configuration.
        DatasetError: if the images cannot be used.
        LossError: if the features of a perceptual loss are missing.
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
    if fabric.device.type == "cpu":
        keep_freed_memory()
    started = _Run(config, run, fabric, seconds=seconds, allow_changed=allow_changed)
    started.carry, started.carry_averages = carry, carry_averages
    started.go()
    finished = started.position.finished
    del started
    if devices * nodes > 1:
        # The group's threads hold tensors: still there when the interpreter ends, they abort it.
        # They end with the last that refers to the group, and nothing in a cycle may be that.
        gc.collect()
        torch.distributed.destroy_process_group()
    return finished


class _Run:
    def __init__(
        self,
        config: TrainingConfig,
        run: RunFolder,
        fabric: Fabric,
        *,
        seconds: float | None,
        allow_changed: bool,
    ) -> None:
        self.config, self.folder, self.fabric = config, run, fabric
        self.carry: Path | None = None
        self.carry_averages = False
        self.deadline = None if seconds is None else time.monotonic() + seconds
        checkpoint = self._find_checkpoint(allow_changed=allow_changed)
        self.position = RunPosition(config)
        # Before anything touches a GPU: the processes that degrade tiles are forked.
        self.data = self._open_data(first_tile=checkpoint.tiles if checkpoint else 0)
        torch.manual_seed(config.seed)
        torch.set_float32_matmul_precision("high")  # TF32 on GPUs; nothing changes on a CPU
        model = build_model(config.preset, config.model)
        check_channels(config, model.config)
        if checkpoint is None and config.init is not None:
            start_from(model, config.init, folder=run.path)
        self.model = fabric.to_device(model)
        dtype = torch.bfloat16 if config.bf16 else torch.float32
        self.weights = FlatWeights(self.model, dtype=dtype)
        self.average = WeightAverage(self.weights, decay=config.ema)
        self.optimizer = FlatOptimizer(config.optimizer, self.weights)
        if checkpoint is not None:
            self._restore(checkpoint)
        if fabric.world_size > 1:
            self._begin_together()
        self.learn = TrainingStep(
            model=compiled(self.model, config.compile, device=fabric.device),
            loss=build_loss(config.loss).to(fabric.device),
            weights=self.weights,
            optimizer=self.optimizer,
            average=self.average,
            clip_norm=config.optimizer.clip_norm,
            cuda_graph=config.cuda_graph
            and fabric.device.type == "cuda"
            and fabric.world_size == 1,
        )
        self.batches = self.data.batches(
            self.position, device=fabric.device, world=fabric.world_size
        )
        self.validator = Validator(config, device=fabric.device) if fabric.is_global_zero else None
        self.share = 1.0
        """Share of a phase's batch that fits the memory of the GPU."""
        self.best = self._best_so_far()
        self.stop = False

    def _find_checkpoint(self, *, allow_changed: bool) -> Checkpoint | None:
        """Return the state to resume from.

        A run whose learning rate decayed at the end of its time, and that is given more time,
        resumes from the end of its constant rate.

        Raises:
            ConfigError: if the folder holds another experiment.
        """
        found = self.folder.load()
        if found is None:
            return None
        if found.identity not in ("", self.config.identity) and not allow_changed:
            raise ConfigError(
                f"{self.folder.path} holds a run of {found.name}, not this run of "
                f"{self.config.name}: {', '.join(self._changes())} differ; choose another folder, "
                "or pass --allow-changed to continue it with the changed configuration"
            )
        duration, constant = self.config.duration, 1 - self.config.schedule.decay_share
        if duration is None or not found.decayed or found.seconds >= duration * constant:
            return found
        return self.folder.stable.load() or found

    def _changes(self) -> list[str]:
        """Return the configuration keys whose values differ from those of the run in the folder."""
        theirs, ours = (c.model_dump(mode="json") for c in (self.folder.config(), self.config))
        return [key for key, value in ours.items() if theirs.get(key) != value]

    def _begin_together(self) -> None:
        """Broadcast the weights of the first process, since machines initialize them differently.

        Raises:
            ConfigError: if the processes did not find the same checkpoint.
        """
        step = self.position.step
        steps = torch.tensor([step, -step], device=self.fabric.device)
        torch.distributed.all_reduce(steps, op=torch.distributed.ReduceOp.MAX)
        latest, earliest = int(steps[0]), -int(steps[1])
        if earliest != latest:
            raise ConfigError(
                f"processes would resume from step {earliest} and from step {latest}: all machines "
                f"must share the folder of the run, {self.folder.path}"
            )
        torch.distributed.broadcast(self.weights.values.detach(), src=0)
        self.weights.publish()

    def _open_data(self, *, first_tile: int) -> TrainingData:
        # One process packs, the others find the pack.
        with self.fabric.rank_zero_first():
            return TrainingData(self.config, first_tile=first_tile, rank=self.fabric.global_rank)

    def go(self) -> None:
        zero = self.fabric.is_global_zero
        if zero:
            self.folder.begin(self.config, self._environment(), step=self.position.step)
        try:
            with self._stopped_by_signals():
                self._train_to_the_end()
        finally:
            self.data.close()
        if zero:
            self._save()

    def _train_to_the_end(self) -> None:
        config, world, zero = self.config, self.fabric.world_size, self.fabric.is_global_zero
        triggers = StepTriggers(config, self.position)
        with Progress(config, self.folder, self.position, world=world, shown=zero) as progress:
            self._tick()
            while not self.position.finished:
                if self.position.decays and triggers.stable and zero:
                    self._try_to_save(self.folder.stable)
                loss, patches = self._step(progress)
                progress.add(loss, patches)
                self.position.step += 1
                self._tick()
                if self.position.step % config.log_every == 0:
                    # Every process takes part: the figure is of all patches.
                    mean = float(cast("Tensor", self.fabric.all_reduce(progress.mean_loss())))
                    progress.log(mean, rate=learning_rate(self.position), reuse=self.data.reuse)
                if zero and triggers.checkpoint:
                    self._try_to_save()
                if triggers.validation:
                    began = time.monotonic()
                    self._validate(progress)
                    triggers.validation_took(time.monotonic() - began)
                self.data.look_for_shards()
                if self._stops():
                    break
            if config.duration is not None and self.position.finished:
                self._validate(progress)

    def _step(self, progress: Progress) -> tuple[Tensor, int]:
        """Train on one batch; halve the batch size until it fits the GPU's memory."""
        phase, rate = self.position.phase, learning_rate(self.position)
        while True:
            size = max(int(phase.batch * self.share), 1)
            try:
                with progress.waiting():
                    batch = self.batches.next(phase, size=size)
                return self.learn(batch, rate=rate, step=self.position.step), size
            except torch.cuda.OutOfMemoryError:
                if size == 1:
                    raise
                self.share /= 2
                self.learn.forget_gradients()
                torch.cuda.empty_cache()
                logger.warning(
                    "%d patches do not fit the card: %d from now on", size, int(size / 2)
                )

    def _tick(self) -> None:
        """Update the clock; all processes use that of the first."""
        self.position.tick()
        if self.config.duration is not None and self.fabric.world_size > 1:
            seconds = torch.tensor(self.position.seconds, device=self.fabric.device)
            torch.distributed.broadcast(seconds, src=0)
            self.position.seconds = float(seconds)

    def _validate(self, progress: Progress) -> None:
        if self.validator is None:
            return
        found = self.validator.score(self.average)
        progress.validated(found)
        mean = sum(found.psnr.values()) / len(found.psnr)
        if mean > self.best:
            self.best = mean
            self._try_to_save(self.folder.best)
            self.folder.best.log(step=self.position.step, psnr=mean)

    def _best_so_far(self) -> float:
        lines = self.folder.best.log_lines()
        return float(json.loads(lines[-1])["psnr"]) if lines else -math.inf

    @contextmanager
    def _stopped_by_signals(self) -> Iterator[None]:
        """Let SIGINT or SIGTERM end the run after the current step."""
        before = {n: signal.signal(n, self._ask_to_stop) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stops(self) -> bool:
        """Return whether any process should stop, so that all stop after the same step."""
        late = self.deadline is not None and time.monotonic() > self.deadline
        if self.fabric.world_size == 1:
            return self.stop or late
        if self.fabric.device.type == "cuda" and self.position.step % _ASK_EVERY:
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

    def _try_to_save(self, folder: RunFolder | None = None) -> None:
        """Write a checkpoint; if the disk is full, log a warning and continue."""
        try:
            self._save(folder)
        except (CheckpointError, OSError) as error:
            logger.warning("no checkpoint of step %d: %s", self.position.step, error)

    def _save(self, folder: RunFolder | None = None) -> None:
        first, second = self.optimizer.moments()
        checkpoint = Checkpoint(
            step=self.position.step,
            seconds=self.position.seconds,
            tiles=self.data.next_tile,
            decayed=int(self.position.decays),
            identity=self.config.identity,
            name=self.config.name,
            weights=self.weights.named(self.weights.values.detach()),
            average=self.average.named,
            first_moment=first,
            second_moment=second,
        )
        if folder is not None:
            folder.path.mkdir(parents=True, exist_ok=True)
            folder.save(checkpoint)
            return
        self.folder.save(checkpoint)
        if self.carry is not None:
            write_portable(self.carry, self.folder, checkpoint, averages_only=self.carry_averages)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.position.step, self.position.seconds = checkpoint.step, checkpoint.seconds
        self.weights.fill(self.weights.values, checkpoint.weights)
        self.weights.publish()
        self.average.load(checkpoint.average)
        self.optimizer.load(checkpoint.step, checkpoint.first_moment, checkpoint.second_moment)
