"""Divides the time of a restoration into cutting tiles, waiting for Triton, and blending."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from hiir.imaging import FloatPixels, TileEngine

TILE, INFER, BLEND = "tile", "infer", "blend"


class StageClock:
    """Wraps a tile engine and measures how long the job's thread waits for it.

    Between two waits, the time before the call of `should_stop` counts as blending, and the time
    after it as cutting. Tiles that are in flight while the thread works are not counted: `infer` is
    the time that a faster server would save.
    """

    def __init__(self, engine: TileEngine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._stage = TILE
        self._entered = clock()
        self._seconds = dict.fromkeys((TILE, INFER, BLEND), 0.0)

    @property
    def any_size(self) -> bool:
        """Whether the wrapped engine accepts tiles of any size."""
        return self._engine.any_size

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Submit a `(1, C, h, w)` float32 [0, 1] tile; see `TileEngine.submit`."""
        return _TimedFuture(self._engine.submit(tile), self)

    def watching(self, should_stop: Callable[[], bool]) -> Callable[[], bool]:
        """Wrap `should_stop`, whose call marks the start of cutting tiles."""

        def ask() -> bool:
            self.enter(TILE)
            return should_stop()

        return ask

    def enter(self, stage: str) -> None:
        """End the current stage and start `stage`."""
        now = self._clock()
        self._seconds[self._stage] += now - self._entered
        self._stage, self._entered = stage, now

    def stop(self) -> Mapping[str, float]:
        """Stop the clock, and return the seconds spent in each stage."""
        self.enter(self._stage)
        return self._seconds


class _TimedFuture(Future[FloatPixels]):
    """A submitted tile; implements only the methods of a future that tiling calls."""

    def __init__(self, inner: Future[FloatPixels], clock: StageClock) -> None:
        super().__init__()
        self._inner = inner
        self._stages = clock

    def result(self, timeout: float | None = None) -> FloatPixels:
        self._stages.enter(INFER)
        try:
            return self._inner.result(timeout)
        finally:
            self._stages.enter(BLEND)

    def cancel(self) -> bool:
        return self._inner.cancel()
