from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hiir.datasets.packed_images import DatasetError, PackedImages, list_images

Draw = Callable[..., Path]


def test_images_of_any_size_come_back_as_they_are(draw_images: Draw, tmp_path: Path) -> None:
    folder = draw_images("photos", (20, 30), (16, 16))
    pool = PackedImages.open([folder], cache=tmp_path / "cache", min_side=16)
    assert len(pool) == 2
    for number, shape in enumerate([(20, 30, 3), (16, 16, 3)]):
        assert pool[number].shape == shape
        with Image.open(folder / f"{number}.png") as image:
            np.testing.assert_array_equal(pool[number], np.asarray(image))


def test_a_second_opening_decodes_nothing(draw_images: Draw, tmp_path: Path, monkeypatch) -> None:
    folder, cache = draw_images("photos", (16, 16)), tmp_path / "cache"
    first = PackedImages.open([folder], cache=cache, min_side=16)
    monkeypatch.setattr(Image, "open", lambda path: pytest.fail(f"decodes {path}"))
    again = PackedImages.open([folder], cache=cache, min_side=16)
    np.testing.assert_array_equal(first[0], again[0])


def test_a_changed_folder_is_packed_anew(draw_images: Draw, tmp_path: Path) -> None:
    folder, cache = draw_images("photos", (16, 16)), tmp_path / "cache"
    PackedImages.open([folder], cache=cache, min_side=16)
    Image.new("RGB", (16, 16)).save(folder / "more.png")
    assert len(PackedImages.open([folder], cache=cache, min_side=16)) == 2


def test_a_damaged_image_is_named(draw_images: Draw, tmp_path: Path) -> None:
    folder = draw_images("photos", (16, 16))
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    with pytest.raises(DatasetError, match=r"bad\.png cannot be decoded"):
        PackedImages.open([folder], cache=tmp_path / "cache", min_side=16)


def test_an_image_smaller_than_a_patch_is_named(draw_images: Draw, tmp_path: Path) -> None:
    folder = draw_images("photos", (64, 20))
    with pytest.raises(DatasetError, match=r"0\.png measures \(64, 20\), a patch needs 32"):
        PackedImages.open([folder], cache=tmp_path / "cache", min_side=32)


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(DatasetError, match="contains no images"):
        list_images(tmp_path)
    with pytest.raises(DatasetError, match="is not a directory"):
        list_images(tmp_path / "absent")


def test_a_damaged_image_is_left_out_by_name_if_that_is_wanted(
    draw_images: Draw, tmp_path: Path, caplog
) -> None:
    folder = draw_images("photos", (16, 16), (20, 24))
    (folder / "1.png").rename(folder / "3.png")
    (folder / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    cache = tmp_path / "cache"
    for _ in range(2):  # packing it, and finding the pack
        caplog.clear()
        pool = PackedImages.open([folder], cache=cache, min_side=16, skip_corrupt=True)
        assert [pool[number].shape[:2] for number in range(len(pool))] == [(16, 16), (20, 24)]
        assert "2.png, which cannot be decoded" in caplog.text
    # The same pack, for somebody who does not want that.
    with pytest.raises(DatasetError, match=r"2\.png cannot be decoded"):
        PackedImages.open([folder], cache=cache, min_side=16)


def test_a_folder_of_damaged_images_alone_is_refused(draw_images: Draw, tmp_path: Path) -> None:
    folder = draw_images("photos", (16, 16))
    (folder / "0.png").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="none of the 1 images"):
        PackedImages.open([folder], cache=tmp_path / "cache", min_side=16, skip_corrupt=True)
