"""One training step: forward, backward and update; on a GPU recorded once and replayed."""

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

from hiir.datasets.degraded_patches import Batch
from hiir.training.ema import WeightAverage
from hiir.training.flat_weights import FlatWeights
from hiir.training.losses import Loss
from hiir.training.optimizer import FlatOptimizer

__all__ = ["TrainingStep"]

_WARM_UP = 3  # steps on a side stream before a recording, as torch.cuda.graph wants them

logger = logging.getLogger(__name__)


class TrainingStep:
    """The part of the training loop between a batch and the next weights."""

    def __init__(
        self,
        *,
        model: nn.Module,
        loss: Loss,
        weights: FlatWeights,
        optimizer: FlatOptimizer,
        average: WeightAverage,
        clip_norm: float | None,
        cuda_graph: bool = False,
    ) -> None:
        """Create the step.

        Args:
            model: network that computes with the working copy of ``weights``.
            loss: loss to minimize.
            weights: weights of the model.
            optimizer: optimizer of the weights.
            average: moving average of the weights.
            clip_norm: maximum norm of all gradients together; None disables clipping.
            cuda_graph: record the step for each shape of batch and replay it; if recording fails,
                the step runs without a graph.
        """
        self._model, self._loss = model, loss
        self._weights, self._optimizer, self._average = weights, optimizer, average
        self._clip_norm = clip_norm
        self._records = cuda_graph
        self._recorded: dict[torch.Size, _Recording] = {}

    def __call__(self, batch: Batch, *, rate: float, step: int) -> Tensor:
        """Train on one batch.

        Args:
            batch: ``(B, C, H, W)`` float32, on the model's device.
            rate: learning rate.
            step: number of optimizer steps before this one.

        Returns:
            The loss, a scalar on its device.
        """
        self._optimizer.set_rate(rate)
        self._average.set_decay(step + 1)
        if not self._records:
            return self._learn(batch)
        recording = self._recorded.get(batch.degraded.shape)
        if recording is None:
            recording = self._recorded[batch.degraded.shape] = _Recording(batch)
        try:
            return recording.run(batch, self._learn)
        except torch.cuda.OutOfMemoryError:
            self._recorded.clear()
            raise
        except RuntimeError as error:
            logger.warning(
                "the step cannot be recorded as a CUDA graph and runs without one: %s", error
            )
            self._records = False
            self._recorded.clear()
            torch.cuda.synchronize()
            self._weights.publish()
            return self._learn(batch)

    def _learn(self, batch: Batch) -> Tensor:
        restored = self._model(batch.degraded)
        loss: Tensor = self._loss(restored.float(), batch.clean)
        torch.autograd.backward(loss)
        self._weights.collect()
        if self._clip_norm is not None:
            nn.utils.clip_grad_norm_(self._weights.values, self._clip_norm)
        self._optimizer.step()
        self._average.update()
        self._weights.publish()
        return loss.detach()

    def forget_gradients(self) -> None:
        """Discard the gradients of an interrupted backward pass."""
        self._weights.publish()


class _Recording:
    """A step for one shape of batch: run a few times, then recorded, then replayed."""

    def __init__(self, batch: Batch) -> None:
        self._batch = Batch(
            degraded=batch.degraded.clone(memory_format=torch.contiguous_format),
            clean=batch.clean.clone(memory_format=torch.contiguous_format),
        )
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._loss: Tensor | None = None
        self._ran = 0

    def run(self, batch: Batch, learn: Callable[[Batch], Tensor]) -> Tensor:
        self._batch.degraded.copy_(batch.degraded)
        self._batch.clean.copy_(batch.clean)
        if self._ran < _WARM_UP:
            self._ran += 1
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                loss = learn(self._batch)
            torch.cuda.current_stream().wait_stream(self._stream)
            return loss
        if self._graph is None:
            # A recording has memory of its own: what the first runs held would lie idle.
            torch.cuda.empty_cache()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self._stream):
                self._loss = learn(self._batch)
            self._graph = graph
        self._graph.replay()
        assert self._loss is not None  # noqa: S101 - recorded with the graph
        return self._loss.clone()
