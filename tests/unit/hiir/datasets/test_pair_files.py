from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hiir.datasets.packed_images import DatasetError
from hiir.datasets.pair_files import read_pair, write_pairs
from hiir.datasets.pair_layouts import list_pairs
from hiir.degradations.recipe import Recipe, read_recipe
from tests.unit.hiir.datasets.png16 import write_png16


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


def test_a_pair_of_16_bits_keeps_them(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 2**16, (5, 7, 3)).astype(np.uint16)
    for name, pixels in (("inputL", deep), ("inputR", deep[::-1]), ("target", deep[:, ::-1])):
        write_png16(tmp_path / name / "1.png", pixels)
    (pair,) = list_pairs(tmp_path)
    samples = read_pair(pair)
    np.testing.assert_array_equal(samples.degraded, np.concatenate([deep, deep[::-1]], axis=2))
    np.testing.assert_array_equal(samples.clean, deep[:, ::-1])
    np.testing.assert_allclose(samples.clean_levels, deep[:, ::-1] / 257, rtol=1e-6)


def test_views_of_two_sizes_are_refused(tmp_path: Path) -> None:
    for name, side in (("a_l", 16), ("a_r", 15), ("a_gt", 16)):
        Image.new("RGB", (side, 16)).save(tmp_path / f"{name}.png")
    (pair,) = list_pairs(tmp_path)
    with pytest.raises(DatasetError, match=r"a_r\.png is \(16, 15, 3\) uint8, the other view"):
        read_pair(pair)
