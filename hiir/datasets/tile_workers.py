"""Worker processes that degrade tiles, and the shared memory that returns them.

The memory is an anonymous mapping that forked processes inherit. It does not need /dev/shm, which
has 64 MB in a container by default.
"""

import logging
import mmap
import multiprocessing
import signal
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hiir.datasets.degraded_tiles import Tile, TileSource
from hiir.datasets.packed_images import DatasetError, PackedImages

__all__ = ["ReadyTile", "TileWorkers"]

_SLOTS_PER_WORKER = 4  # tiles that a worker prepares ahead
_MAX_RESTARTS = 8

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadyTile:
    """A tile in shared memory, valid until its slot is released."""

    slot: int
    clean: Tensor
    degraded: Tensor
    noise: Tensor


@dataclass(slots=True)
class _Worker:
    process: ForkProcess
    connection: Connection
    waiting: dict[int, int]
    """Numbers of the tiles that the process was assigned, by slot."""


class TileWorkers:
    """A pool of processes that work on the next tiles of a source."""

    def __init__(self, source: TileSource, *, first: int, count: int) -> None:
        """Start the processes. Call this before anything initializes a GPU.

        Args:
            source: source of the tiles.
            first: number of the first tile.
            count: number of processes.

        Raises:
            DatasetError: if there is not enough memory for the tiles.
        """
        self._source, self._next = source, first
        self._slots = _Slots(count * _SLOTS_PER_WORKER, source.shapes)
        self._context = multiprocessing.get_context("fork")
        self._restarts = 0
        self._workers: list[_Worker] = []
        for number in range(count):
            slots = range(number * _SLOTS_PER_WORKER, (number + 1) * _SLOTS_PER_WORKER)
            worker = self._start()
            self._workers.append(worker)
            for slot in slots:
                self._ask(worker, slot)

    @property
    def next_number(self) -> int:
        """The number of the first tile that no process has been assigned yet."""
        return self._next

    def ready(self, *, timeout: float = 0.0) -> Iterator[ReadyTile]:
        """Yield the tiles that are ready, after waiting for the first if there are none.

        Args:
            timeout: seconds to wait for the first tile.

        Raises:
            DatasetError: if a process raised an error, with its traceback; or if processes exit
                repeatedly.
        """
        connections = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(connections), timeout):
            worker = connections[connection]  # type: ignore[index]
            try:
                slot, failure = worker.connection.recv()
            except (EOFError, ConnectionError):
                self._replace(worker)
                continue
            if failure is not None:
                raise DatasetError(f"a tile cannot be degraded:\n{failure}")
            del worker.waiting[slot]
            yield ReadyTile(slot, *self._slots.tensors(slot))

    def release(self, slot: int) -> None:
        """Release a slot, so that a process can use it for its next tile."""
        self._ask(self._workers[slot // _SLOTS_PER_WORKER], slot)

    def change_pool(self, pool: PackedImages) -> None:
        """Switch to other photos for all tiles that are assigned from now on."""
        self._source.images.pool = pool
        for worker in self._workers:
            _send(worker.connection, pool)

    def close(self) -> None:
        """Stop the processes."""
        for worker in self._workers:
            worker.connection.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(timeout=5)

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        # A forked process has this process's ends of all pipes too, and would wait for itself.
        inherited = [ours, *(worker.connection for worker in self._workers)]
        process = self._context.Process(
            target=_work, args=(theirs, self._source, self._slots, inherited), daemon=True
        )
        process.start()
        theirs.close()
        return _Worker(process, ours, {})

    def _ask(self, worker: _Worker, slot: int) -> None:
        worker.waiting[slot] = self._next
        _send(worker.connection, (slot, self._next))
        self._next += 1

    def _replace(self, worker: _Worker) -> None:
        """Start a new process with the unfinished tiles of one that exited."""
        worker.process.join(timeout=5)
        self._restarts += 1
        logger.warning(
            "a process that degrades tiles exited with code %s; it is restarted",
            worker.process.exitcode,
        )
        if self._restarts > _MAX_RESTARTS:
            raise DatasetError(
                f"processes that degrade tiles ended {self._restarts} times, the last with code "
                f"{worker.process.exitcode}: is there enough memory?"
            )
        fresh = self._start()
        self._workers[self._workers.index(worker)] = fresh
        for slot, number in worker.waiting.items():
            fresh.waiting[slot] = number
            _send(fresh.connection, (slot, number))


class _Slots:
    """Slots for tiles in shared memory."""

    def __init__(
        self, count: int, shapes: tuple[tuple[int, int, int], tuple[int, int, int]]
    ) -> None:
        kinds = ((np.uint8, shapes[0]), (np.float16, shapes[1]), (np.float32, (5,)))
        sizes = [count * np.dtype(kind).itemsize * int(np.prod(shape)) for kind, shape in kinds]
        # Each array begins at a multiple of 8 bytes.
        starts = [0, *np.cumsum([-(-size // 8) * 8 for size in sizes]).tolist()]
        try:
            memory = mmap.mmap(-1, starts[-1])
        except OSError as error:
            raise DatasetError(
                f"{count} tiles need {starts[-1] / 2**20:.0f} MiB of shared memory: {error}"
            ) from error
        self._arrays: list[npt.NDArray[Any]] = [
            np.ndarray((count, *shape), kind, memory, offset=start)
            for (kind, shape), start in zip(kinds, starts, strict=False)
        ]

    def write(self, slot: int, tile: Tile) -> None:
        for array, values in zip(
            self._arrays, (tile.clean, tile.degraded, tile.described), strict=True
        ):
            array[slot] = values

    def tensors(self, slot: int) -> tuple[Tensor, Tensor, Tensor]:
        clean, degraded, noise = (torch.from_numpy(array[slot]) for array in self._arrays)
        return clean, degraded, noise


def _work(
    connection: Connection, source: TileSource, slots: _Slots, inherited: Sequence[Connection]
) -> None:
    for other in inherited:
        other.close()
    # Signals end the run through its parent: the step under way must not lose its data.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    while True:
        try:
            asked = connection.recv()
        except (EOFError, ConnectionError):
            return  # the parent has ended
        if isinstance(asked, PackedImages):
            source.images.pool = asked
            continue
        slot, number = asked
        failure: str | None = None
        try:
            slots.write(slot, source.draw(number))
        except Exception:  # noqa: BLE001 - whatever it is, the parent raises it
            failure = traceback.format_exc()
        _send(connection, (slot, failure))


def _send(connection: Connection, message: object) -> None:
    """Send a message; a closed connection is detected by the next read."""
    try:
        connection.send(message)
    except OSError:
        logger.debug("the other end of a pipe is closed")
