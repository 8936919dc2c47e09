from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from skimage.data import astronaut

from hiir.datasets.pair_layouts import Layout
from hiir.datasets.photo_files import ColorMode
from hiir.evaluation import paper_tables as paper
from hiir.evaluation.paper_tables import (
    PaperError,
    compare,
    paper_rows,
    reference_rows,
    settings_of,
)
from hiir.evaluation.protocols import EvaluationProtocol, Family, protocol_of
from hiir.evaluation.torch_tiles import on_device
from hiir.models.release import load_release


@pytest.fixture
def make_set(tmp_path: Path):
    def make(name: str, *, gray: bool = False) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        image = Image.fromarray(astronaut()[:64, 100:180])
        (image.convert("L") if gray else image).save(folder / "0.png")
        return folder

    return make


@pytest.fixture
def make_pairs(tmp_path: Path):
    """Pairs of one photo, 20 levels apart in red, in folders of the given names."""

    def make(name: str, *folders: str, clean: str) -> Path:
        photo = astronaut()[:64, 100:180].clip(0, 200)
        degraded = photo.copy()
        degraded[..., 0] += 20
        for folder in (*folders, clean):
            (tmp_path / name / folder).mkdir(parents=True)
            image = photo if folder == clean else degraded
            Image.fromarray(image).save(tmp_path / name / folder / "0.png")
        return tmp_path / name

    return make


def ours(folder: Path, *, test_set: str | None = None, layout: Layout | None = None, **options):
    settings = settings_of(folder, seed=0, test_set=test_set, layout=layout)
    rows = compare(settings, test_set=test_set or folder.name, run=on_device, **options)
    return [row for row in rows if row["ours"]]


def test_published_rows_are_found_by_set_and_setting() -> None:
    rows = {row.method: row.psnr for row in paper_rows("cbsd68", "sigma25")}
    assert rows["Hi-IR (blind)"] == 31.80
    assert rows["DnCNN (blind)"] == 31.24
    rows = {row.method: (row.psnr, row.ssim) for row in paper_rows("LIVE1", "q10")}
    assert rows["JPEG"] == (25.69, 0.7430)
    assert rows["Hi-IR"] == (28.36, 0.8180)
    (bm3d,) = (row for row in reference_rows("Set12", "gray sigma50") if row.method == "BM3D")
    assert (bm3d.psnr, bm3d.ssim, bm3d.table) == (26.72, None, "")


@pytest.mark.parametrize(
    ("table", "test_set", "setting", "method", "figures"),
    [
        ("8", "BSD100", "x4", "Hi-IR-B", (28.08, 0.7611)),
        ("8", "Urban100", "x2", "GRL-B", (35.06, 0.9505)),
        ("8", "Manga109", "x3", "Hi-IR-L", (36.12, 0.9588)),
        ("9", "Kodak24", "sigma15", "Restormer", (35.47, None)),
        ("9", "Urban100", "gray sigma50", "Hi-IR", (28.91, None)),
        ("10", "classic5", "gray q30", "CAT", (33.77, 0.8964)),
        ("11", "BSD500", "q30", "QGAC (blind)", (31.33, 0.8980)),
        ("11", "Urban100", "q40", "Hi-IR", (33.37, 0.9373)),
        ("12", "HIDE", "motion", "Hi-IR-L", (31.64, 0.947)),
        ("13", "RealBlur-R", "motion", "Hi-IR-L", (40.40, 0.976)),
        ("13", "RealBlur-J", "motion", "MIMO-UNet+", (32.05, 0.921)),
        ("14", "DPDD", "dual-pixel", "Hi-IR-B", (27.01, 0.848)),
        ("15", "McMaster", "rggb", "Hi-IR", (40.78, None)),
        ("16", "SnowTest100K-L", "weather", "SemanIR", (30.76, None)),
        ("20", "DPDD-outdoor", "single", "Restormer", (23.24, 0.743)),
        ("21", "McMaster", "sigma50", "Hi-IR (blind)", (30.38, None)),
    ],
)
def test_each_table_is_typed_in(table, test_set, setting, method, figures) -> None:
    (row,) = (row for row in paper_rows(test_set, setting) if row.method == method)
    assert (row.table, row.psnr, row.ssim) == (table, *figures)


def test_the_tables_are_whole_and_no_row_is_there_twice() -> None:
    rows = list(paper._read())
    assert Counter(row.table for row in rows) == {
        "8": 237,
        "9": 107,
        "10": 93,
        "11": 88,
        "12": 22,
        "13": 21,
        "14": 18,
        "15": 16,
        "16": 12,
        "20": 24,
        "21": 108,
    }
    assert len({(row.set, row.setting, row.method) for row in rows}) == len(rows)
    for row in rows:
        assert 20 < row.psnr < 45
        assert row.ssim is None or 0.59 < row.ssim < 1
    (ebdb,) = (row for row in paper_rows("DPDD", "single") if row.method == "EBDB")
    assert (ebdb.mae, ebdb.lpips) == (0.049, 0.336)


@pytest.mark.parametrize(
    ("name", "settings", "task", "protocol"),
    [
        ("Set5", ["x2", "x3", "x4"], "sr-x2", EvaluationProtocol(on_luma=True, shave=2)),
        (
            "Set12",
            ["gray sigma15", "gray sigma25", "gray sigma50"],
            "denoise-gray",
            EvaluationProtocol(color=ColorMode.GRAY),
        ),
        ("CBSD68", ["sigma15", "sigma25", "sigma50"], "denoise-color", EvaluationProtocol()),
        (
            "classic5",
            ["gray q10", "gray q20", "gray q30", "gray q40"],
            "jpeg-gray",
            EvaluationProtocol(color=ColorMode.LUMA),
        ),
        (
            "McMaster",
            ["sigma15", "sigma25", "sigma50", "rggb"],
            "denoise-color",
            EvaluationProtocol(),
        ),
        ("GoPro", ["motion"], "deblur-motion", EvaluationProtocol()),
        ("Test1", ["weather"], "weather", protocol_of(Family.WEATHER)),
        ("DPDD", ["dual-pixel", "single"], "deblur-defocus-dp", protocol_of(Family.DEFOCUS)),
    ],
)
def test_each_set_is_measured_as_in_its_table(make_set, name, settings, task, protocol) -> None:
    found = settings_of(make_set(name), seed=0)
    assert [setting.name for setting in found] == settings
    assert (found[0].task, found[0].protocol) == (task, protocol)


def test_urban100_is_measured_for_five_tasks(make_set) -> None:
    tasks = Counter(setting.task for setting in settings_of(make_set("Urban100"), seed=0))
    assert tasks == {
        "sr-x2": 1,
        "sr-x3": 1,
        "sr-x4": 1,
        "denoise-color": 3,
        "denoise-gray": 3,
        "jpeg-color": 4,
        "jpeg-gray": 4,
    }


def test_ours_stands_beside_the_paper(make_set) -> None:
    rows = ours(make_set("Set12", gray=True), only="input")
    assert [row["setting"] for row in rows] == ["gray sigma15", "gray sigma25", "gray sigma50"]
    assert rows[0]["psnr"] == pytest.approx(24.6, abs=0.3)


def test_a_model_that_is_not_shipped_is_measured_where_its_task_is(make_set) -> None:
    shipped = load_release("denoise-color")
    mine = replace(shipped, contract=replace(shipped.contract, name="mine"))
    rows = ours(make_set("Kodak24"), release=mine)
    assert [(row["method"], row["setting"]) for row in rows] == [
        ("mine", "sigma15"),
        ("mine", "sigma25"),
        ("mine", "sigma50"),
    ]
    assert rows[1]["psnr"] > 25
    with pytest.raises(PaperError, match=r"mine is for denoise-color with 3 channels; .* sr-x2"):
        ours(make_set("Set5"), release=mine)


def test_one_model_of_noise_and_jpeg_is_measured_on_both(make_set) -> None:
    shipped = load_release("denoise-color")
    contract = replace(shipped.contract, name="both", task="denoise-jpeg-color")
    settings = settings_of(make_set("Urban100"), seed=0)
    suited = [setting.name for setting in settings if setting.suits(contract)]
    assert sorted(suited) == ["q10", "q20", "q30", "q40", "sigma15", "sigma25", "sigma50"]


def test_pairs_are_measured_as_they_are(make_pairs) -> None:
    folder = make_pairs("test", "blur", clean="sharp")
    (row,) = ours(folder, test_set="gopro", only="input")
    assert (row["set"], row["setting"]) == ("GoPro", "motion")
    assert row["mae"] == pytest.approx(20 / 255 / 3, abs=1e-4)


def test_weather_has_rows_on_luma_and_on_rgb(make_pairs) -> None:
    luma, rgb = ours(make_pairs("RainDrop", "input", clean="gt"), only="input")
    assert (luma["method"], rgb["method"]) == ("input", "input (RGB)")
    # 20 levels of red are 6 of luma.
    assert luma["psnr"] == pytest.approx(32.57, abs=0.2)
    assert rgb["psnr"] == pytest.approx(26.88, abs=0.02)


def test_of_a_dual_pixel_set_the_views_or_the_center_are_measured(make_pairs) -> None:
    folder = make_pairs("DPDD", "inputC", "inputL", "inputR", clean="target")
    views, center = settings_of(folder, seed=0)
    assert next(iter(views.samples.read(ColorMode.RGB))).degraded.shape == (64, 80, 6)
    assert next(iter(center.samples.read(ColorMode.RGB))).degraded.shape == (64, 80, 3)


def test_a_set_that_is_not_in_the_paper_is_refused_with_those_that_are(make_set) -> None:
    with pytest.raises(PaperError, match=r"no row for Mine.*CBSD68.*Set5"):
        settings_of(make_set("Mine"), seed=0)
