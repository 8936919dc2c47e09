"""How the time of a restoration is shared between cutting tiles, Triton, and blending."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from hiir.imaging import FloatPixels, TileEngine

TILE, INFER, BLEND = "tile", "infer", "blend"


class StageClock:
    """An engine around another, which notes when the job's own thread waits for it.

    Of the time between two waits, what comes before `should_stop` is asked is blending, and what
    comes after it is cutting. Tiles in flight while the thread works cost it nothing: `infer` is
    the time that a faster server would save.
    """

    def __init__(self, engine: TileEngine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._stage = TILE
        self._entered = clock()
        self._seconds = dict.fromkeys((TILE, INFER, BLEND), 0.0)

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        """Start on a tile."""
        return _TimedFuture(self._engine.submit(tile), self)

    def watching(self, should_stop: Callable[[], bool]) -> Callable[[], bool]:
        """`should_stop`, which also tells that the next tiles are about to be cut."""

        def ask() -> bool:
            self.enter(TILE)
            return should_stop()

        return ask

    def enter(self, stage: str) -> None:
        """End what was being done, and begin `stage`."""
        now = self._clock()
        self._seconds[self._stage] += now - self._entered
        self._stage, self._entered = stage, now

    def stop(self) -> Mapping[str, float]:
        """Seconds of each, now that all is done."""
        self.enter(self._stage)
        return self._seconds


class _TimedFuture(Future[FloatPixels]):
    """A tile on its way; only what tiling asks of a future."""

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
