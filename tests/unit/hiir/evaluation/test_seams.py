import numpy as np
import pytest

from hiir.evaluation.seams import SeamError, seam_excess
from hiir.imaging import plan_tiles
from hiir.imaging.blending import RowBlender

PLAN = plan_tiles(height=100, width=100, tile=64, overlap=16)


def slope():
    ramp = np.linspace(0, 1, 100, dtype=np.float32)
    return np.tile(ramp[:, np.newaxis], (1, 100))[..., np.newaxis].repeat(3, axis=2)


def test_a_slope_has_no_seams():
    assert abs(seam_excess(slope(), PLAN)) < 1e-6


@pytest.mark.parametrize("line", [PLAN.rows[1].start, PLAN.rows[0].end])
@pytest.mark.parametrize("across", [False, True])
def test_a_step_where_a_tile_begins_or_ends_is_measured(line, across):
    image = slope()
    image[line:] += 0.02
    image = image.swapaxes(0, 1) if across else image
    assert seam_excess(image, PLAN) == pytest.approx(0.02, abs=0.002)


def test_a_step_inside_what_tiles_share_is_theirs():
    image = slope()
    image[50:] += 0.02
    assert seam_excess(image, PLAN) == pytest.approx(0.02, abs=0.002)


def test_tiles_that_differ_are_told_though_they_fade_into_each_other():
    blender = RowBlender(plan=PLAN, scale=1, channels=3)
    bands = []
    for number, place in enumerate(PLAN):
        tile = slope()[place.top :, place.left :][: place.height, : place.width]
        bands.append(blender.add(tile + np.float32(0.1) * (number % 2)))
    image = np.concatenate([band.rows for band in bands if band])
    assert 0.01 < seam_excess(image, PLAN) < 0.1


def test_a_step_elsewhere_is_the_pictures_own():
    image = slope()
    image[20:] += 0.02
    assert seam_excess(image, PLAN) <= 0


def test_a_short_seam_shows_in_its_stretch():
    image = np.zeros((100, 100, 3), np.float32)
    image[50:, :10] = 0.1
    assert seam_excess(image, PLAN) == pytest.approx(0.01)
    assert seam_excess(image, PLAN, stretch=10) == pytest.approx(0.1)


def test_tiles_that_share_nearly_all_cannot_be_measured():
    plan = plan_tiles(height=72, width=72, tile=64, overlap=56)
    with pytest.raises(SeamError, match="too little"):
        seam_excess(np.zeros((72, 72, 3), np.float32), plan)


def test_the_borders_of_an_enlarged_image_are_enlarged():
    image = slope().repeat(2, axis=0).repeat(2, axis=1)
    image[2 * PLAN.rows[1].start :] += 0.1
    assert seam_excess(image, PLAN, scale=2) > 0.05
    assert seam_excess(image, PLAN, scale=1) <= 0


def test_an_image_of_one_tile_has_none():
    plan = plan_tiles(height=64, width=64, tile=64, overlap=16)
    assert seam_excess(np.random.default_rng(0).random((64, 64, 3), np.float32), plan) == 0
