"""A region of a chain has the pixels that it has in the whole result."""

from concurrent.futures import Future

import numpy as np
import pytest
from skimage.filters import gaussian

from hiir.imaging import Region, restore_tiled, restored_shape
from service.jobs.planned_step import Step, plan_steps, result_shape
from service.worker.preparation import input_of_step


class Blur:
    """A stand-in for a network whose pixels depend on their neighbors; enlarges, too."""

    any_size = False

    def __init__(self, scale: int) -> None:
        self._scale = scale

    def submit(self, tile: np.ndarray) -> Future[np.ndarray]:
        future: Future[np.ndarray] = Future()
        soft = gaussian(tile, (0, 0, 1, 1), mode="nearest", truncate=1)
        future.set_result(soft.repeat(self._scale, 2).repeat(self._scale, 3).astype(np.float32))
        return future


def run(image: np.ndarray, models, region: Region | None) -> np.ndarray:
    steps = [Step.of(model.task, {}, model) for model in models]
    planned = plan_steps(image.shape, steps, models, any_size=[False] * len(models), region=region)
    rows, known = image, None
    for step in planned:
        output = np.zeros(restored_shape((*step.shape, 3), step.model, step.region), np.uint16)
        restore_tiled(
            image=input_of_step(step, rows, known=known),
            output=output,
            contract=step.model,
            infer=Blur(step.model.scale),
            in_flight=1,
            on_progress=lambda *_: None,
            should_stop=lambda: False,
            region=step.region,
        )
        rows = output
        known = None if step.region is None else step.region.scaled(step.model.scale)
    assert rows.shape[:2] == result_shape(image.shape, models, region)
    return rows


@pytest.mark.parametrize("scales", [(1,), (1, 1), (1, 2), (2, 1), (2, 1, 3), (3, 2)])
@pytest.mark.parametrize("region", [(0, 0, 20, 20), (33, 17, 21, 30), (70, 40, 27, 21)])
def test_a_region_is_that_part_of_the_whole_result(make_contract, scales, region):
    image = np.random.default_rng(0).integers(0, 255, (61, 97, 3), np.uint8)
    models = [
        make_contract(name=f"m-{place}", scale=scale, tile=32, overlap=8)
        for place, scale in enumerate(scales)
    ]
    part = Region(**dict(zip(("left", "top", "width", "height"), region, strict=True)))
    shown = part.scaled(int(np.prod(scales)))
    whole = run(image, models, None)[shown.top : shown.bottom, shown.left : shown.right]
    np.testing.assert_array_equal(run(image, models, part), whole)


def test_pixels_are_those_of_each_steps_image(make_contract):
    models = [make_contract(name="sr-x2", task="sr-x2", scale=2), make_contract()]
    steps = [Step.of(model.task, {}, model) for model in models]
    planned = plan_steps((40, 60, 3), steps, models, any_size=[False] * 2, region=None)
    assert [step.pixels for step in planned] == [40 * 60, 80 * 120]
    assert plan_steps((40, 60, 3), [], [], any_size=[], region=None) == ()
