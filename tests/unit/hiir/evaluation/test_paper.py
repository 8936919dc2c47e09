from pathlib import Path

import pytest
from PIL import Image
from skimage.data import astronaut

from hiir.datasets.photo import Colour
from hiir.evaluation.conventions import Convention
from hiir.evaluation.paper import PaperError, compare, paper_rows, settings_of


@pytest.fixture
def make_set(tmp_path: Path):
    def make(name: str, *, gray: bool = False) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        image = Image.fromarray(astronaut()[:64, 100:180])
        (image.convert("L") if gray else image).save(folder / "0.png")
        return folder

    return make


def test_published_rows_are_found_by_set_and_setting() -> None:
    rows = {row.method: row.psnr for row in paper_rows("cbsd68", "sigma25")}
    assert rows["Hi-IR (blind)"] == 31.80
    assert rows["DnCNN"] == 31.24
    rows = {row.method: (row.psnr, row.ssim) for row in paper_rows("LIVE1", "q10")}
    assert rows["JPEG"] == (25.69, 0.7430)
    assert rows["Hi-IR"] == (28.36, 0.8180)


@pytest.mark.parametrize(
    ("name", "settings", "model", "convention"),
    [
        ("Set5", ["x2", "x3", "x4"], "sr-x2", Convention(on_luma=True, shave=2)),
        (
            "Set12",
            ["sigma15", "sigma25", "sigma50"],
            "denoise-gray",
            Convention(colour=Colour.GRAY),
        ),
        ("CBSD68", ["sigma15", "sigma25", "sigma50"], "denoise-color", Convention()),
        (
            "classic5",
            ["gray q10", "gray q20", "gray q30", "gray q40"],
            "jpeg-gray",
            Convention(colour=Colour.LUMA),
        ),
    ],
)
def test_each_set_is_measured_as_in_its_table(make_set, name, settings, model, convention) -> None:
    found = settings_of(make_set(name), seed=0)
    assert [setting.name for setting in found] == settings
    assert (found[0].model, found[0].convention) == (model, convention)


def test_ours_stands_beside_the_paper(make_set) -> None:
    rows = compare(make_set("Set12", gray=True), seed=0, only="input")
    ours = [row for row in rows if row["ours"]]
    assert [row["setting"] for row in ours] == ["sigma15", "sigma25", "sigma50"]
    assert ours[0]["psnr"] == pytest.approx(24.6, abs=0.3)
    published = [row for row in rows if not row["ours"] and row["setting"] == "sigma50"]
    assert {"DnCNN", "Hi-IR"} <= {row["method"] for row in published}


def test_a_set_that_is_not_in_the_paper_is_refused_with_those_that_are(make_set) -> None:
    with pytest.raises(PaperError, match=r"no row for Mine.*CBSD68.*Set5"):
        compare(make_set("Mine"), seed=0)
