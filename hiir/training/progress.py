"""Progress of a run: a bar on a terminal, lines in its log, and TensorBoard."""

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
from hiir.training.run_position import RunPosition
from hiir.training.validation import Validation

__all__ = ["Progress"]

logger = logging.getLogger(__name__)


class Progress:
    """Counts patches and the time spent waiting for data; the first process shows them."""

    def __init__(
        self,
        config: TrainingConfig,
        folder: RunFolder,
        position: RunPosition,
        *,
        world: int,
        shown: bool,
    ) -> None:
        """Create the progress display.

        Args:
            config: configuration of the run.
            folder: folder of the run, whose log receives the figures.
            position: position of the run, read for each line.
            world: number of processes that share a step.
            shown: whether this process shows the progress.
        """
        self._config = config
        self._folder = folder
        self._position = position
        self._world = world
        self._shown = shown
        self._stack = ExitStack()
        self._psnr = "none yet"
        self._reset()

    def __enter__(self) -> Self:
        on_terminal = self._shown and sys.stderr.isatty()
        self._bar: tqdm[Any] = tqdm(
            total=self._config.steps,
            initial=int(self._position.scheduled),
            unit="step",
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

    def add(self, loss: Tensor, patches: int) -> None:
        """Count a step; the loss stays on its device, so that nothing waits for it."""
        self._losses.append(loss)
        self._seen += patches * self._world
        self._bar.update(int(self._position.scheduled) - self._bar.n)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time spent in the block as waiting for data."""
        asked = time.monotonic()
        yield
        self._waited += time.monotonic() - asked

    def mean_loss(self) -> Tensor:
        """Return the mean of the losses since the last line of the log."""
        return torch.stack(self._losses).mean()

    def log(self, loss: float, *, rate: float, reuse: float | None = None) -> None:
        """Log the loss, the learning rate, patches per second, waiting time and time left."""
        position = self._position
        seconds = time.monotonic() - self._began
        figures = {
            "loss": loss,
            "lr": rate,
            "seconds": seconds / len(self._losses),
            "images_per_second": self._seen / seconds,
            "waiting": self._waited / seconds,
        }
        if reuse is not None:
            figures["reuse"] = reuse
        self._bar.set_postfix(loss=f"{loss:.4f}", psnr=self._psnr, wait=f"{figures['waiting']:.0%}")
        if self._shown:
            logger.info(
                "step %d, %.1f %% done, loss %.5f lr %.2e %.1f images/s, %.1f %% waiting for data, "
                "%s left",
                *(position.step, 100 * position.scheduled / self._config.steps, loss, rate),
                *(figures["images_per_second"], 100 * figures["waiting"]),
                timedelta(seconds=round(self._seconds_left(figures["seconds"]))),
            )
            self._folder.log(step=position.step, **figures)
            self._write_board(position.step, figures)
        self._reset()

    def validated(self, validation: Validation) -> None:
        """Log the result of a validation; its time does not count as training time."""
        step = self._position.step
        logger.info("step %d validation PSNR %s", step, validation.psnr)
        self._folder.log(
            step=step,
            trained_seconds=round(self._position.seconds, 1),
            validation=validation.psnr,
            validation_loss=validation.loss,
        )
        figures = {f"psnr/{label}": psnr for label, psnr in validation.psnr.items()}
        self._write_board(step, {**figures, "validation_loss": validation.loss})
        self._psnr = "/".join(f"{psnr:.2f}" for psnr in validation.psnr.values())
        self._reset()

    def _reset(self) -> None:
        self._losses: list[Tensor] = []
        self._began = time.monotonic()
        self._waited = 0.0
        self._seen = 0

    def _seconds_left(self, seconds_per_step: float) -> float:
        position = self._position
        if self._config.duration is not None:
            return max(self._config.duration - position.seconds, 0)
        return (self._config.steps - position.step) * seconds_per_step

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
