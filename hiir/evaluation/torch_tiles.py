"""Tiles through the torch module of a model, in batches, on a CPU or a GPU."""

from concurrent.futures import Future

import numpy as np
import torch

from hiir.evaluation.restorer import RestorerError, TiledRestorer
from hiir.imaging import FloatPixels
from hiir.models.release import Release

__all__ = ["TorchTiles", "on_device", "open_device"]

_GPU_BATCH = 8


def open_device(name: str) -> torch.device:
    """The device ``cpu``, ``cuda`` or ``cuda:N``; raises `RestorerError` for one that is absent."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise RestorerError(f"no device {name!r}: it is cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise RestorerError(f"device {name}: torch {torch.__version__} finds no GPU; use cpu")
    return device


def on_device(
    release: Release,
    *,
    device: str = "cpu",
    batch: int | None = None,
    noise_level: float | None = None,
) -> TiledRestorer:
    """A restorer of whole images by a model's torch module.

    Args:
        release: the model.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        batch: tiles that run together; 1 on a CPU and 8 on a GPU unless given.
        noise_level: input of a model that takes it; estimated unless given.

    Raises:
        RestorerError: for a device that is absent, or a batch below 1.
    """
    opened = open_device(device)
    tiles = batch if batch is not None else 1 if opened.type == "cpu" else _GPU_BATCH
    if tiles < 1:
        raise RestorerError(f"a batch has at least 1 tile, not {tiles}")
    engine = TorchTiles(release, device=opened, batch=tiles)
    return TiledRestorer(
        contract=release.contract, engine=engine, in_flight=tiles, noise_level=noise_level
    )


class TorchTiles:
    """Collects tiles until a batch is full, or until a caller waits for one of them."""

    def __init__(
        self, release: Release, *, device: torch.device | None = None, batch: int = 1
    ) -> None:
        """Move the model to a device.

        Args:
            release: the model, frozen; it stays on the device.
            device: the CPU unless given.
            batch: tiles that run together at most.
        """
        self._device = device or torch.device("cpu")
        self._model = release.model.to(self._device)
        self._batch = batch
        self._waiting: list[tuple[FloatPixels, _TileResult]] = []

    @property
    def any_size(self) -> bool:
        """A module takes tiles of every multiple of its sizes."""
        return True

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Take a ``(1, C, h, w)`` float32 tile; the future runs what has been collected."""
        result = _TileResult(self)
        self._waiting.append((tile, result))
        if len(self._waiting) >= self._batch:
            self.run()
        return result

    @torch.inference_mode()
    def run(self) -> None:
        """Run the tiles that wait, those of equal size as one batch."""
        waiting, self._waiting = self._waiting, []
        batches: dict[tuple[int, ...], list[tuple[FloatPixels, _TileResult]]] = {}
        for tile, result in waiting:
            # What was canceled meanwhile is not run.
            if result.start():
                batches.setdefault(tile.shape, []).append((tile, result))
        for batch in batches.values():
            tiles = torch.from_numpy(np.concatenate([tile for tile, _ in batch]))
            restored = self._model(tiles.to(self._device)).cpu().numpy()
            for number, (_, result) in enumerate(batch):
                result.set_result(restored[number : number + 1])


class _TileResult(Future[FloatPixels]):
    """Asks its engine to run the batch when a caller waits for it."""

    def __init__(self, engine: TorchTiles) -> None:
        super().__init__()
        self._engine = engine

    def start(self) -> bool:
        """Whether it is still wanted; it can no longer be canceled then."""
        return self.set_running_or_notify_cancel()

    def result(self, timeout: float | None = None) -> FloatPixels:
        """The ``(1, C', h * scale, w * scale)`` tile."""
        if not self.done():
            self._engine.run()
        return super().result(timeout)
