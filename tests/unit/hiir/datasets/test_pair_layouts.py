from pathlib import Path

import pytest
from PIL import Image

from hiir.datasets.packed_images import DatasetError
from hiir.datasets.pair_layouts import Layout, list_pairs


def put(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (16, 16)).save(folder / name)
    return folder


@pytest.mark.parametrize(
    ("names", "degraded", "clean"),
    [
        (("a.png", "a_gt.png"), ["a.png"], "a_gt.png"),
        (("1rain.jpg", "1ground_truth.jpg"), ["1rain.jpg"], "1ground_truth.jpg"),
        (("b_l.png", "b_r.png", "b_gt.png"), ["b_l.png", "b_r.png"], "b_gt.png"),
    ],
)
def test_names_tell_what_belongs_together(tmp_path, names, degraded, clean) -> None:
    put(tmp_path, *names, "other.png", "other_gt.png")
    pair = list_pairs(tmp_path)[names[0] > "o"]
    assert [path.name for path in pair.degraded] == degraded
    assert pair.clean.name == clean
    assert pair.name == degraded[0]


def test_two_folders_are_joined_by_the_beginning_of_the_name(tmp_path: Path) -> None:
    put(tmp_path / "in", "im_1_s80.png", "im_10_s80.png", "im_1_s90.png")
    put(tmp_path / "gt", "im_1.png", "im_10.png")
    pairs = {pair.name: pair.clean.name for pair in list_pairs(tmp_path)}
    expected = {
        "im_1_s80.png": "im_1.png",
        "im_1_s90.png": "im_1.png",
        "im_10_s80.png": "im_10.png",
    }
    assert pairs == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.png", "a_gt.png", "b.png"), r"b\.png has no clean image"),
        (("a_gt.png",), r"a_gt\.png has no degraded image"),
    ],
)
def test_what_stands_alone_is_named(tmp_path: Path, names, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        list_pairs(put(tmp_path, *names))


def test_an_image_without_a_clean_one_in_the_other_folder_is_named(tmp_path: Path) -> None:
    put(tmp_path / "in", "im_2.png")
    put(tmp_path / "gt", "im_1.png")
    with pytest.raises(DatasetError, match=r"im_2\.png has 0 clean images"):
        list_pairs(tmp_path)


@pytest.mark.parametrize(
    ("layout", "files", "pairs"),
    [
        (
            Layout.BLUR_SHARP,  # GoPro: scenes, and the blur of another exponent beside
            [
                "A/blur/1.png",
                "A/blur_gamma/1.png",
                "A/sharp/1.png",
                "B/blur/1.png",
                "B/sharp/1.png",
            ],
            {"A/1.png": ("A/blur/1.png", "A/sharp/1.png")},
        ),
        (
            Layout.INPUT_TARGET,
            ["input/1.png", "target/1.png", "input/2.png", "target/2.png"],
            {"2.png": ("input/2.png", "target/2.png")},
        ),
        (
            Layout.SOURCE_TARGET,
            ["test_c/source/1.png", "test_c/target/1.png"],
            {"test_c/1.png": ("test_c/source/1.png", "test_c/target/1.png")},
        ),
        (
            Layout.DUAL_PIXEL,
            ["inputC/1.png", "inputL/1.png", "inputR/1.png", "target/1.png"],
            {"1.png": ("inputL/1.png", "inputR/1.png", "target/1.png")},
        ),
        (
            Layout.CENTER,
            ["inputC/1.png", "target/1.png"],
            {"1.png": ("inputC/1.png", "target/1.png")},
        ),
        (
            Layout.SNOW100K,
            ["synthetic/s_1.jpg", "gt/s_1.jpg", "mask/s_1.jpg"],
            {"s_1.jpg": ("synthetic/s_1.jpg", "gt/s_1.jpg")},
        ),
        (
            Layout.RAINDROP,
            ["data/0_rain.png", "gt/0_clean.png", "data/10_rain.png", "gt/10_clean.png"],
            {"10_rain.png": ("data/10_rain.png", "gt/10_clean.png")},
        ),
        (
            Layout.IN_GT,  # Outdoor-Rain
            ["in/im_0001_s80_a04.png", "gt/im_0001.png"],
            {"im_0001_s80_a04.png": ("in/im_0001_s80_a04.png", "gt/im_0001.png")},
        ),
        (
            Layout.INPUT_GT,
            ["input/im_1.png", "gt/im_1.png"],
            {"im_1.png": ("input/im_1.png", "gt/im_1.png")},
        ),
        (
            Layout.SIDD,
            ["Data/0001_S6/NOISY_SRGB_010.PNG", "Data/0001_S6/GT_SRGB_010.PNG"],
            {
                "Data/0001_S6/NOISY_SRGB_010.PNG": (
                    "Data/0001_S6/NOISY_SRGB_010.PNG",
                    "Data/0001_S6/GT_SRGB_010.PNG",
                )
            },
        ),
    ],
)
def test_data_sets_are_found_as_they_lie_on_disk(tmp_path: Path, layout, files, pairs) -> None:
    for name in files:
        put((tmp_path / name).parent, Path(name).name)
    for found in (list_pairs(tmp_path), list_pairs(tmp_path, layout=layout)):
        named = {
            pair.name: tuple(
                path.relative_to(tmp_path).as_posix() for path in (*pair.degraded, pair.clean)
            )
            for pair in found
        }
        assert pairs.items() <= named.items()
        # One for each clean image.
        clean = [name for name in files if any(word in name for word in ("gt/", "sharp", "target"))]
        assert len(named) == len(clean or pairs)


def test_the_middle_view_is_taken_if_it_is_asked_for(tmp_path: Path) -> None:
    for name in ("inputC", "inputL", "inputR", "target"):
        put(tmp_path / name, "1.png")
    (pair,) = list_pairs(tmp_path, layout=Layout.CENTER)
    assert [path.parent.name for path in pair.degraded] == ["inputC"]


def test_a_list_file_names_the_pairs(tmp_path: Path) -> None:
    for kind in ("gt", "blur"):
        put(tmp_path / "R/scene001" / kind, f"{kind}_1.png")
    lines = tmp_path / "RealBlur_R_test_list.txt"
    lines.write_text("R/scene001/gt/gt_1.png R/scene001/blur/blur_1.png\n\n")
    (pair,) = list_pairs(lines)
    assert pair.name == "R/scene001/blur/blur_1.png"
    assert [path.name for path in (*pair.degraded, pair.clean)] == ["blur_1.png", "gt_1.png"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("gt/1.png", "line 1: 'gt/1.png' should name two files"),
        ("a/1.png b/1.png", "one of them in a folder gt"),
        ("gt/1.png blur/9.png", r"blur/9\.png is missing"),
    ],
)
def test_a_line_that_names_no_pair_is_named(tmp_path: Path, line: str, message: str) -> None:
    put(tmp_path / "gt", "1.png")
    path = tmp_path / "list.txt"
    path.write_text(line)
    with pytest.raises(DatasetError, match=message):
        list_pairs(path)


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (Layout.BLUR_SHARP, "holds no folders blur, sharp, which the layout blur-sharp has"),
        (Layout.SIDD, r"no image named \*NOISY_SRGB\*"),
        (Layout.LIST, "is not a list file"),
    ],
)
def test_a_layout_that_is_not_there_is_named(tmp_path: Path, layout, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        list_pairs(put(tmp_path, "1.png"), layout=layout)


def test_a_view_without_the_other_is_named(tmp_path: Path) -> None:
    put(tmp_path / "inputL", "1.png", "2.png")
    put(tmp_path / "inputR", "1.png")
    put(tmp_path / "target", "1.png", "2.png")
    with pytest.raises(DatasetError, match=r"2\.png has no other view in .*inputR"):
        list_pairs(tmp_path)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="absent is not a directory"):
        list_pairs(tmp_path / "absent")
