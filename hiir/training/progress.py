"""What a run shows while it goes on: a bar on a terminal, lines in its log, TensorBoard."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any, Self

import torch
from torch import Tensor
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from hiir.training.config import ConfigError, TrainingConfig
from hiir.training.run_folder import RunFolder
from hiir.training.validation import Validation

__all__ = ["Progress"]

logger = logging.getLogger(__name__)


class Progress:
    """Counts steps, patches and the time that is waited for data; the first process shows them."""

    def __init__(
        self, config: TrainingConfig, folder: RunFolder, *, start: int, world: int, shown: bool
    ) -> None:
        self._config = config
        self._folder = folder
        self._start = start
        self._world = world
        self._shown = shown
        self._stack = ExitStack()
        self._psnr = "none yet"
        self._done = 0
        self._reset()

    def __enter__(self) -> Self:
        on_terminal = self._shown and sys.stderr.isatty()
        self._bar: tqdm[Any] = tqdm(
            total=self._patches(0, self._config.steps),
            initial=self._patches(0, self._start),
            unit="img",
            unit_scale=True,
            disable=not on_terminal,
            desc=self._config.name,
        )
        self._stack.callback(self._bar.close)
        if on_terminal:
            self._stack.enter_context(logging_redirect_tqdm())
        self._board = self._open_board() if self._shown and self._config.tensorboard else None
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, loss: Tensor) -> None:
        """Count a step; the loss stays on its device, so that nothing waits for it."""
        self._losses.append(loss)
        phase = self._config.phase(self._start + self._done)
        self._done += 1
        self._seen += phase.batch * self._world
        self._bar.update(phase.batch * self._world)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time that passes inside as waiting for data."""
        asked = time.monotonic()
        yield
        self._waited += time.monotonic() - asked

    def mean_loss(self) -> Tensor:
        """Mean of the losses since the last line of the log."""
        return torch.stack(self._losses).mean()

    def log(self, step: int, loss: float, *, rate: float) -> None:
        """Write a line: loss, learning rate, patches per second, waiting, time left."""
        seconds = time.monotonic() - self._began
        figures = {
            "loss": loss,
            "lr": rate,
            "seconds": seconds / len(self._losses),
            "images_per_second": self._seen / seconds,
            "waiting": self._waited / seconds,
        }
        self._bar.set_postfix(loss=f"{loss:.4f}", psnr=self._psnr, wait=f"{figures['waiting']:.0%}")
        if self._shown:
            left = self._patches(step, self._config.steps) / figures["images_per_second"]
            logger.info(
                "step %d/%d loss %.5f lr %.2e %.1f images/s, %.1f %% waiting for data, %s left",
                *(step, self._config.steps, loss, rate, figures["images_per_second"]),
                *(100 * figures["waiting"], timedelta(seconds=round(left))),
            )
            self._folder.log(step=step, **figures)
            self._write_board(step, figures)
        self._reset()

    def validated(self, step: int, validation: Validation) -> None:
        """Write what validation gave; its time is not the training's."""
        logger.info("step %d validation PSNR %s", step, validation.psnr)
        self._folder.log(step=step, validation=validation.psnr, validation_loss=validation.loss)
        figures = {f"psnr/{label}": psnr for label, psnr in validation.psnr.items()}
        self._write_board(step, {**figures, "validation_loss": validation.loss})
        self._psnr = "/".join(f"{psnr:.2f}" for psnr in validation.psnr.values())
        self._reset()

    def _reset(self) -> None:
        self._losses: list[Tensor] = []
        self._began = time.monotonic()
        self._waited = 0.0
        self._seen = 0

    def _patches(self, first: int, last: int) -> int:
        """Patches of all processes from one step to another."""
        total, begin = 0, 0
        for phase in self._config.phases:
            steps = max(min(last, phase.until) - max(first, begin), 0)
            total += steps * phase.batch * self._world
            begin = phase.until
        return total

    def _open_board(self) -> Any:
        try:
            tensorboard = import_module("torch.utils.tensorboard")
        except ImportError as error:
            raise ConfigError(
                "tensorboard: true needs its package: pip install 'hiir-restore[tensorboard]'"
            ) from error
        board = tensorboard.SummaryWriter(self._folder.path / "tensorboard")
        self._stack.callback(board.close)
        return board

    def _write_board(self, step: int, figures: dict[str, float]) -> None:
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(name, value, step)
