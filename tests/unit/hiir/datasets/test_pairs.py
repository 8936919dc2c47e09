from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hiir.datasets.pairs import list_pairs, write_pairs
from hiir.datasets.pool import DatasetError
from hiir.degradations.recipe import Recipe, read_recipe


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
    ("recipe", "views"),
    [
        ("[{kind: noise, sigma: 25}]", 1),
        ("[{kind: defocus, radius: 3, dual_pixel: true}]", 2),
        ("[{kind: downscale, factor: 2}]", 1),
    ],
)
def test_what_is_written_is_found_again(draw_images, tmp_path: Path, recipe, views) -> None:
    folder, output = draw_images("clean", (33, 40), (32, 32)), tmp_path / "pairs"
    assert write_pairs(folder, read_recipe(recipe), output, seed=4) == 2
    pairs = list_pairs(output)
    assert [len(pair.degraded) for pair in pairs] == [views, views]
    scale = read_recipe(recipe).scale
    with Image.open(pairs[0].clean) as clean, Image.open(pairs[0].degraded[0]) as degraded:
        assert clean.size == (40, 33 // scale * scale)
        assert degraded.size == tuple(side // scale for side in clean.size)


def test_pairs_depend_on_the_seed_alone(draw_images, tmp_path: Path) -> None:
    folder = draw_images("clean", (32, 32))
    recipe = Recipe.model_validate([{"kind": "noise", "sigma": 25}])
    pixels = []
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        write_pairs(folder, recipe, tmp_path / name, seed=seed)
        with Image.open(tmp_path / name / "0.png") as image:
            pixels.append(np.asarray(image))
    np.testing.assert_array_equal(pixels[0], pixels[1])
    assert not np.array_equal(pixels[0], pixels[2])
