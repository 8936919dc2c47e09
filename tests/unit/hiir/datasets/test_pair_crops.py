import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hiir.datasets.packed_images import DatasetError
from hiir.datasets.packed_pairs import PackedPairs
from hiir.datasets.pair_crops import PairCrops
from hiir.datasets.pair_layouts import Layout
from hiir.datasets.photo_files import ColorMode, to_gray
from tests.unit.hiir.datasets.png16 import write_png16

HEIGHT, WIDTH = 40, 48


def positions(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A picture whose red is the row and whose green is the column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, 9)], axis=2).astype(np.uint8)


def save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def gopro(tmp_path: Path) -> Path:
    """Two pairs; the degraded one is brighter by 100."""
    for number in range(2):
        save(positions(), tmp_path / f"gopro/sharp/{number}.png")
        save(positions() + 100, tmp_path / f"gopro/blur/{number}.png")
    return tmp_path / "gopro"


def pool(root: Path, **options) -> PackedPairs:
    given = {"cache": root / "cache", "scale": 1, "views": 1, "min_side": 16, **options}
    return PackedPairs.open(root, **given)


def levels(image: np.ndarray) -> np.ndarray:
    return np.rint(image * 255).astype(int)


def crops(pools: PackedPairs, *, color: ColorMode = ColorMode.RGB, side: int = 16, count: int = 64):
    source = PairCrops([(pools, 1.0)], color=color)
    return [source.draw(np.random.default_rng((0, n)), side) for n in range(count)]


def test_both_images_are_cut_mirrored_and_turned_together(gopro: Path) -> None:
    seen = set()
    for degraded, clean in crops(pool(gopro)):
        assert degraded.shape == clean.shape == (16, 16, 3)
        assert degraded.dtype == clean.dtype == np.float32
        np.testing.assert_array_equal(levels(degraded), levels(clean) + 100)
        # Which way rows and columns grow: of eight, all are drawn.
        down, along = (
            tuple(np.sign(np.diff(levels(clean)[:2, :2, :2], axis=a)[0, 0])) for a in (0, 1)
        )
        seen.add((down, along))
    assert len(seen) == 8


def test_a_crop_depends_on_the_generator_alone(gopro: Path) -> None:
    first, again = crops(pool(gopro)), crops(pool(gopro))
    for (a, b), (c, d) in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
    places = {tuple(levels(clean)[0, 0]) for _, clean in first}
    assert len(places) > 30


def test_a_reduced_image_is_cut_where_the_clean_one_is(tmp_path: Path) -> None:
    save(positions(), tmp_path / "target/0.png")
    save(positions()[::2, ::2], tmp_path / "input/0.png")
    for degraded, clean in crops(pool(tmp_path, scale=2)):
        assert degraded.shape == (8, 8, 3)
        assert np.ptp(levels(degraded)[..., 0]) == 14
        # Of each square of two by two pixels the one with even coordinates was kept.
        blocks = levels(clean).reshape(8, 2, 8, 2, 3)
        kept = (blocks % 2 == [0, 0, 1]).all(axis=-1)
        np.testing.assert_array_equal(blocks[kept[..., None].repeat(3, -1)].size, 8 * 8 * 3)
        picked = blocks.transpose(0, 2, 1, 3, 4)[kept.transpose(0, 2, 1, 3)].reshape(8, 8, 3)
        np.testing.assert_array_equal(picked, levels(degraded))


def test_views_are_not_turned_and_a_mirror_exchanges_them(tmp_path: Path) -> None:
    """The views lie 1 pixel to the left and to the right of the clean image."""
    wide = positions(HEIGHT, WIDTH + 2)
    for name, start in (("inputL", 0), ("target", 1), ("inputR", 2)):
        save(wide[:, start : start + WIDTH], tmp_path / name / "0.png")
    seen = set()
    for degraded, clean in crops(pool(tmp_path, views=2)):
        left, right, middle = levels(degraded[..., :3]), levels(degraded[..., 3:]), levels(clean)
        assert np.ptp(middle[0, :, 0]) == 0  # rows are rows
        step = middle[0, 1, 1] - middle[0, 0, 1]
        # The left view shows what is one step further to the left, in a mirror too.
        np.testing.assert_array_equal(left[..., 1], middle[..., 1] - step)
        np.testing.assert_array_equal(right[..., 1], middle[..., 1] + step)
        seen.add((step, middle[1, 0, 0] - middle[0, 0, 0]))
    assert seen == {(1, 1), (1, -1), (-1, 1), (-1, -1)}


def test_sixteen_bits_reach_the_crop(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 2**16, (16, 16, 3)).astype(np.uint16)
    for name in ("inputL", "inputR", "target"):
        write_png16(tmp_path / name / "0.png", deep)
    (degraded, clean), *_ = crops(pool(tmp_path, views=2))
    assert np.isin(np.rint(clean * 65535).astype(int), deep).all()
    assert len(np.unique(clean)) > 700
    np.testing.assert_array_equal(degraded[..., :3], clean)


def test_gray_pairs_are_gray(gopro: Path) -> None:
    for degraded, clean in crops(pool(gopro), color=ColorMode.GRAY, count=2):
        assert degraded.shape == clean.shape == (16, 16, 1)
        assert levels(clean).max() <= to_gray(positions()).max()


def test_data_sets_give_their_shares(gopro: Path, tmp_path: Path) -> None:
    save(np.full((20, 20, 3), 200, np.uint8), tmp_path / "other/target/0.png")
    save(np.full((20, 20, 3), 210, np.uint8), tmp_path / "other/input/0.png")
    source = PairCrops([(pool(gopro), 0.1), (pool(tmp_path / "other"), 0.3)], color=ColorMode.RGB)
    assert source.share == pytest.approx(0.4)
    drawn = [source.draw(np.random.default_rng(n), 16)[1] for n in range(400)]
    others = sum(levels(clean).min() == 200 for clean in drawn)
    assert others == pytest.approx(300, abs=40)


def test_a_data_set_is_packed_once(gopro: Path, monkeypatch) -> None:
    pool(gopro)
    monkeypatch.setattr("hiir.datasets.packed_pairs.read_pair", None)
    assert len(pool(gopro)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 2}, r"\(40, 48\): the clean image must be 2 times as large"),
        ({"views": 2}, "1 views are found, 2 are needed"),
        ({"min_side": 41}, r"0\.png measures \(40, 48\), a patch needs 41 pixels"),
        ({"min_side": 41, "skip_small": True}, "none of the 2 pairs"),
        ({"layout": Layout.INPUT_TARGET}, "holds no folders input, target"),
    ],
)
def test_pairs_that_do_not_suit_the_run_are_refused(gopro: Path, options, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        pool(gopro, **options)


def test_pairs_that_are_damaged_or_too_small_are_left_out_if_that_is_wanted(
    gopro: Path, caplog
) -> None:
    (gopro / "blur/1.png").write_bytes(b"no image")
    save(positions(16, 16), gopro / "blur/2.png")
    save(positions(16, 16), gopro / "sharp/2.png")
    with pytest.raises(DatasetError, match=r"blur/1\.png cannot be decoded"):
        pool(gopro)
    with caplog.at_level(logging.WARNING):
        found = pool(gopro, skip_corrupt=True, skip_small=True, min_side=20)
    assert len(found) == 1
    assert "1.png cannot be decoded" in caplog.text
    assert "1 pairs of" in caplog.text
