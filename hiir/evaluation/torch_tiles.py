"""A tile engine that runs the torch module in batches, on a CPU or a GPU."""

from concurrent.futures import Future

import numpy as np
import torch

from hiir.evaluation.restorer import RestorerError, TiledRestorer
from hiir.imaging import FloatPixels
from hiir.models.release import Release

__all__ = ["TorchTiles", "on_device", "open_device"]

_GPU_BATCH = 8


def open_device(name: str) -> torch.device:
    """Return the device ``cpu``, ``cuda`` or ``cuda:N``; raises `RestorerError` if it is absent."""
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
    """Return a restorer of whole images that runs a model's torch module.

    Args:
        release: the model.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        batch: tiles per forward pass; 1 on a CPU and 8 on a GPU by default.
        noise_level: noise level on the scale of 255, for a model that takes it; estimated by
            default.

    Raises:
        RestorerError: if the device is absent or the batch is below 1.
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
            device: device; the CPU by default.
            batch: maximum number of tiles per forward pass.
        """
        self._device = device or torch.device("cpu")
        self._model = release.model.to(self._device)
        self._batch = batch
        self._waiting: list[tuple[FloatPixels, _TileResult]] = []

    @property
    def any_size(self) -> bool:
        """True: the module takes tiles of any multiple of its size."""
        return True

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Submit a ``(1, C, h, w)`` float32 tile; the future runs the collected batch."""
        result = _TileResult(self)
        self._waiting.append((tile, result))
        if len(self._waiting) >= self._batch:
            self.run()
        return result

    @torch.inference_mode()
    def run(self) -> None:
        """Run the pending tiles; those of equal size form a batch."""
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
    """A future that asks its engine to run the batch when a caller waits for it."""

    def __init__(self, engine: TorchTiles) -> None:
        super().__init__()
        self._engine = engine

    def start(self) -> bool:
        """Return whether the tile is still wanted; it can no longer be canceled then."""
        return self.set_running_or_notify_cancel()

    def result(self, timeout: float | None = None) -> FloatPixels:
        """Return the ``(1, C', h * scale, w * scale)`` float32 tile."""
        if not self.done():
            self._engine.run()
        return super().result(timeout)
