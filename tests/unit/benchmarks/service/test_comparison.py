"""That the service's benchmark measures what it says; how fast it is, is for its runs to say."""

import io
import os
import time

import pytest
from PIL import Image

from benchmarks.service import __main__ as benchmark


def test_the_photo_has_two_megapixels() -> None:
    content = benchmark.photo(*benchmark.SIDES, "JPEG")
    with Image.open(io.BytesIO(content)) as image:
        assert image.width * image.height == pytest.approx(2_000_000, rel=0.01)


def test_processor_seconds_are_those_of_the_work_and_not_of_the_wait() -> None:
    processors = benchmark.Processors({"this": [os.getpid()], "none": []})

    def work() -> None:
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass

    seconds, used = processors.spent(work)
    assert seconds >= 0.29
    assert used["this"] == pytest.approx(0.3, abs=0.15)
    assert used["none"] == 0
    waited, idle = processors.spent(lambda: time.sleep(0.3))
    assert waited >= 0.3
    assert idle["this"] < 0.15
