"""A photo from the drop to the download."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.integration.service.page.browser import sha256
from tests.integration.service.stack import photo, read, write

pytestmark = pytest.mark.integration
PIXELS = photo(150, 200)
PHONE = {
    "viewport": {"width": 412, "height": 839},
    "device_scale_factor": 2.6,
    "is_mobile": True,
    "has_touch": True,
}


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_a_dropped_photo_is_restored_compared_and_downloaded(open_page, stack, options) -> None:
    visit = open_page(**options)
    visit.drop(("holiday.png", write(PIXELS)))
    visit.wait_state("succeeded")
    assert visit.text("photo-panel h2") == "holiday.png"

    line = visit.page.locator("compare-view .line")
    line.wait_for()  # the previews are fetched after the state is shown
    before = line.bounding_box()["x"]
    slider = visit.page.locator("compare-view input.wipe")
    slider.fill("800")
    assert line.bounding_box()["x"] > before + 50
    assert slider.get_attribute("aria-valuetext") == "20 % restored"

    name, content = visit.download()
    assert name == "holiday-restored.png"
    job = stack.client.get("/v1/jobs?limit=1").json()["jobs"][0]
    assert sha256(content) == job["output"]["sha256"]
    np.testing.assert_array_equal(read(content), PIXELS)
    width = visit.page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    assert width <= 0  # nothing to scroll sideways
    visit.assert_clean()


def test_a_pasted_photo_and_one_of_16_bits_that_no_browser_shows_are_seen(open_page) -> None:
    visit = open_page()
    visit.paste(write(PIXELS))
    visit.wait_state("succeeded")
    assert visit.text("photo-panel h2") == "Pasted photo.png"

    output = io.BytesIO()
    Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257).save(output, format="TIFF")
    visit.choose_task("denoise")
    visit.drop(("scan.tif", output.getvalue()))
    visit.page.wait_for_selector("photo-panel h2 >> text=scan.tif")
    visit.wait_state("succeeded")
    for side in ("before", "after"):
        shown = visit.page.locator(f"compare-view img.{side}[src]")
        shown.wait_for(state="attached")
        assert shown.evaluate("async (image) => (await image.decode(), image.naturalWidth)") == 200
    visit.assert_clean()


def test_parameters_and_format_are_those_that_were_chosen(open_page, stack) -> None:
    visit = open_page()
    visit.choose_task("super-resolution")
    visit.page.check('input[name=scale][value="3"]', force=True)
    visit.page.click("summary >> text=Saving")
    visit.page.select_option("select[name=format]", "jpeg")
    visit.page.fill("input[name=quality]", "70")
    visit.page.select_option("select[name=metadata]", "strip")
    visit.drop(("small.png", write(photo(30, 40))))
    visit.wait_state("succeeded")
    name, content = visit.download()
    assert name == "small-restored.jpg"
    assert read(content).shape == (90, 120, 3)
    job = stack.client.get("/v1/jobs?limit=1").json()["jobs"][0]
    assert job["parameters"] == {"scale": "3"}
    assert job["options"] == {"format": "jpeg", "quality": 70, "metadata": "strip"}


def test_zoom_shows_every_pixel_of_the_photo_as_one_of_the_screen(open_page) -> None:
    visit = open_page(viewport={"width": 1000, "height": 700}, device_scale_factor=2)
    visit.drop(("wide.png", write(photo(600, 2100))))
    visit.wait_state("succeeded")
    stage = visit.zoom_to_pixels()
    assert visit.text("compare-view .zoom-text") == "100 %"
    # Not the preview of 2048 pixels: the whole file.
    visit.wait("""() => document.querySelector("compare-view img.after").naturalWidth === 2100""")
    box = visit.page.locator("compare-view .canvas").bounding_box()
    assert box["width"] == 2100 / 2
    stage.press("0")
    assert visit.page.locator("compare-view .canvas").bounding_box()["width"] < 1000
    visit.assert_clean()


def test_two_restorations_of_a_photo_are_compared(open_page) -> None:
    visit = open_page()
    visit.drop(("holiday.png", write(PIXELS)))
    visit.wait_state("succeeded")
    visit.choose_task("identity")
    visit.page.click("text=Restore again")
    visit.page.wait_for_selector("photo-panel .field.inline:not([hidden])")
    visit.page.select_option("photo-panel select", index=1)
    visit.page.wait_for_selector('compare-view .side.left >> text="Remove noise"')
    assert visit.text("compare-view .side.right") == "Identity"
    visit.assert_clean()


def test_all_results_come_as_one_archive(open_page) -> None:
    visit = open_page()
    contents = [write(photo(40, 50, seed=seed)) for seed in range(3)]
    visit.drop(*((f"photo {index % 2}.png", content) for index, content in enumerate(contents)))
    visit.wait_ended(3)
    name, archive = visit.download("text=Download all")
    assert name == "restored.zip"
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        assert found.testzip() is None
        assert len(found.namelist()) >= 3
        assert "photo 0-restored (2).png" in found.namelist()
        pixels = {read(found.read(entry)).tobytes() for entry in found.namelist()}
    assert pixels >= {read(content).tobytes() for content in contents}
    visit.assert_clean()


def test_the_keyboard_alone_restores_compares_and_downloads(open_page, tmp_path) -> None:
    path = tmp_path / "holiday.png"
    path.write_bytes(write(PIXELS))
    visit = open_page()
    page = visit.page

    def tab_to(selector: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} cannot be reached")

    tab_to("input[name=task]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    with page.expect_file_chooser() as chooser:
        tab_to("#choose")
        page.keyboard.press("Enter")
    chooser.value.set_files(path)
    visit.wait_state("succeeded")
    tab_to("photo-panel button.primary")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "holiday-restored.png"
    tab_to("compare-view .stage")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("compare-view input.wipe", "aria-valuetext") == "48 % restored"
    page.keyboard.down("Space")
    assert page.query_selector("compare-view.peek")
    page.keyboard.up("Space")
    assert not page.query_selector("compare-view.peek")
    page.keyboard.press("+")
    assert page.query_selector("compare-view.zoomed")
    tab_to("compare-view input.wipe")
    tab_to("photo-list .open")
    page.keyboard.press("Enter")
    visit.assert_clean()


def test_a_photo_that_was_restored_before_says_so(visit, make_api) -> None:
    opened = visit(make_api(HIIR_CACHE__ENABLED="true") + "/").is_ready()
    content = write(photo(120, 90, seed=77))
    for _ in range(2):
        opened.drop(("twice.png", content))
        opened.wait_state("succeeded")
    opened.wait_ended(2)
    facts = opened.page.locator("photo-panel dl >> text=cached from an earlier job")
    facts.wait_for()
    opened.assert_clean()
