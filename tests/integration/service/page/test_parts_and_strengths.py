"""A part is tried before the whole photo, and a strength is chosen."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.integration.service.stack import photo, read, write

pytestmark = pytest.mark.integration


def newest(stack) -> dict:
    return stack.client.get("/v1/jobs?limit=1").json()["jobs"][0]


def test_a_part_in_the_middle_is_tried_and_then_the_whole_is_restored(open_page, stack) -> None:
    pixels = photo(600, 700)
    visit = open_page()
    visit.choose_task("identity")
    visit.page.check("input[name=part]")
    visit.drop(("holiday.png", write(pixels)))
    visit.wait_state("succeeded")
    job = newest(stack)
    assert job["options"]["region"] == {"left": 94, "top": 44, "width": 512, "height": 512}
    # Before and after are both of the part, and as large.
    for side in ("before", "after"):
        shown = visit.page.locator(f"compare-view img.{side}[src]")
        shown.wait_for(state="attached")
        assert shown.evaluate("async (image) => (await image.decode(), image.naturalWidth)") == 512
    _, content = visit.download()
    np.testing.assert_array_equal(read(content), pixels[44:556, 94:606])

    visit.page.uncheck("input[name=part]")
    visit.page.click("text=Restore again")
    visit.wait("() => document.querySelectorAll('photo-list .card').length >= 2")
    visit.wait_ended(2)
    visit.page.wait_for_selector("photo-panel .state[data-state=succeeded]", state="attached")
    whole = newest(stack)
    assert "region" not in whole["options"]
    assert (whole["output"]["width"], whole["output"]["height"]) == (700, 600)
    visit.assert_clean()


def test_what_the_view_shows_is_tried(open_page, stack) -> None:
    visit = open_page(viewport={"width": 1000, "height": 700}, device_scale_factor=1)
    visit.choose_task("super-resolution")
    visit.page.check('input[name=scale][value="2"]', force=True)
    visit.drop(("wide.png", write(photo(500, 1500))))
    visit.wait_state("succeeded")
    stage = visit.zoom_to_pixels()
    size = stage.bounding_box()
    visit.page.click("text=Try this part")
    visit.page.wait_for_selector("photo-list .what >> text=a part")
    visit.wait_ended(2)
    region = newest(stack)["options"]["region"]
    assert region["width"] == pytest.approx(min(size["width"] / 2, 512), abs=2)
    assert region["left"] + region["width"] / 2 == pytest.approx(750, abs=2)
    assert region["top"] + region["height"] / 2 == pytest.approx(250, abs=2)
    visit.assert_clean()


def test_a_part_of_a_file_that_no_browser_reads_is_not_guessed(open_page, stack) -> None:
    output = io.BytesIO()
    Image.fromarray(photo(90, 120)).save(output, "TIFF")
    visit = open_page()
    visit.choose_task("identity")
    visit.page.check("input[name=part]")
    visit.drop(("scan.tif", output.getvalue()))
    visit.wait_state("succeeded")
    assert "region" not in newest(stack)["options"]
    assert visit.text("#announcer").startswith("scan.tif")
    visit.assert_clean()


def test_a_strength_is_sent_where_it_was_chosen_and_is_told(open_page, stack) -> None:
    visit = open_page()
    visit.choose_task("blurring")
    visit.page.fill("input[name=strength]", "60")
    visit.drop(("holiday.png", write(photo(60, 80))))
    visit.wait_state("succeeded")
    assert newest(stack)["options"]["strength"] == 60
    assert "60 %" in visit.text("photo-list .what")
    visit.page.reload()
    visit.is_ready()
    visit.page.wait_for_selector("photo-list .what >> text=60 %")
    visit.page.fill("input[name=strength]", "100")
    visit.drop(("other.png", write(photo(60, 80))))
    visit.page.wait_for_selector("photo-panel h2 >> text=other.png")
    visit.wait_state("succeeded")
    assert "strength" not in newest(stack)["options"]
    visit.assert_clean()
