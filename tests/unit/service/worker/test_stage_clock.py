"""Where the time of a restoration goes."""

from concurrent.futures import Future

import numpy as np
import pytest

from hiir.imaging import restore_tiled
from service.worker.stage_clock import StageClock


class Slow:
    """An engine whose answer takes its time when it is waited for, on a clock of its own."""

    any_size = False

    def __init__(self, seconds):
        self.now = 0.0
        self.seconds = seconds

    def submit(self, tile):
        engine = self

        class Answer(Future):
            def result(self, timeout=None):
                engine.now += engine.seconds
                return tile

        return Answer()


def test_waiting_for_the_server_is_told_from_the_rest(make_contract):
    engine = Slow(2.0)
    clock = StageClock(engine, clock=lambda: engine.now)
    image = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)

    totals = []

    def on_progress(done, total):
        totals.append(total)
        engine.now += 0.5  # blending, as the clock sees it; the first call comes before any tile

    def should_stop():
        engine.now += 0.25  # cutting
        return False

    restored = np.empty_like(image)
    restore_tiled(
        image=image,
        output=restored,
        contract=make_contract(),
        infer=clock,
        in_flight=3,
        on_progress=on_progress,
        should_stop=clock.watching(should_stop),
    )
    np.testing.assert_array_equal(restored, image)
    seconds = clock.stop()
    tiles = totals[0]
    assert tiles > 4
    assert seconds["infer"] == pytest.approx(2.0 * tiles)
    assert seconds["blend"] == pytest.approx(0.5 * tiles)
    assert seconds["tile"] == pytest.approx(0.25 * tiles + 0.5)
    assert sum(seconds.values()) == pytest.approx(engine.now)


def test_what_is_in_flight_is_canceled_through_it():
    inner = Future()

    class Engine:
        def submit(self, tile):
            return inner

    StageClock(Engine()).submit(np.zeros((1, 3, 8, 8), np.float32)).cancel()
    assert inner.cancelled()
