import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from hiir.datasets.packed_images import DatasetError
from hiir.datasets.shards import ShardFolder, write_shards


def test_shards_unpack_into_the_root_that_they_were_made_of(draw_images, tmp_path: Path) -> None:
    draw_images("first", (40, 40), (40, 40), (40, 40))
    draw_images("second", (40, 40), seed=1)
    limit = 22_000
    shards = write_shards(tmp_path, ["first", "second"], tmp_path / "shards", max_bytes=limit)
    assert len(shards) > 1
    assert all(shard.stat().st_size <= limit for shard in shards)
    again = tmp_path / "again"
    again.mkdir()
    for shard in reversed(shards):
        subprocess.run(["tar", "-xf", shard, "-C", again], check=True)
    for folder in ("first", "second"):
        names = sorted(path.name for path in (tmp_path / folder).iterdir())
        assert sorted(path.name for path in (again / folder).iterdir()) == names
        for name in names:
            assert (again / folder / name).read_bytes() == (tmp_path / folder / name).read_bytes()


def test_an_image_that_is_larger_than_a_shard_is_named(draw_images, tmp_path: Path) -> None:
    draw_images("photos", (64, 64))
    with pytest.raises(DatasetError, match=r"0\.png does not fit a shard of 12000 bytes"):
        write_shards(tmp_path, ["photos"], tmp_path / "shards", max_bytes=12_000)


def names_in(shard: Path) -> list[str]:
    with tarfile.open(shard) as archive:
        return archive.getnames()


def test_each_shard_holds_images_of_all_folders_after_those_that_come_first(
    draw_images, tmp_path: Path
) -> None:
    for seed, name in enumerate(("first", "second")):
        draw_images(name, *[(40, 40)] * 8, seed=seed)
    draw_images("validation", (40, 40), seed=2)
    shards = write_shards(
        tmp_path,
        ["first", "second"],
        tmp_path / "shards",
        max_bytes=40_000,
        first=["validation"],
    )
    names = [[name.partition("/")[0] for name in names_in(shard)] for shard in shards]
    assert len(shards) > 2
    assert names[0][0] == "validation"
    assert "validation" not in {name for shard in names[1:] for name in shard}
    for shard in names[:-1]:
        assert {"first", "second"} <= set(shard)


@pytest.fixture
def packed(draw_images, tmp_path: Path) -> tuple[Path, ...]:
    draw_images("train", *[(40, 40)] * 6)
    draw_images("validation", (40, 40), seed=2)
    return write_shards(
        tmp_path, ["train"], tmp_path / "shards", max_bytes=25_000, first=["validation"]
    )


def folder_of(tmp_path: Path, *, min_side: int = 32) -> ShardFolder:
    arrived = tmp_path / "arrived"
    arrived.mkdir(exist_ok=True)
    return ShardFolder(
        arrived,
        root=tmp_path / "fresh",
        train=["train"],
        cache=tmp_path / "cache",
        min_side=min_side,
    )


def test_shards_are_unpacked_as_they_arrive(packed, tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    assert folder.scan() is None
    sizes = []
    for shard in packed:
        shutil.copy(shard, tmp_path / "arrived")
        sizes.append(len(folder.scan()))
        assert folder.scan() is None
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == 6
    assert len(list((tmp_path / "fresh" / "validation").iterdir())) == 1


def test_a_shard_that_is_cut_off_is_left_out_until_it_is_whole(packed, tmp_path, caplog) -> None:
    folder, arrived = folder_of(tmp_path), tmp_path / "arrived" / "shard-01.tar"
    arrived.write_bytes(packed[0].read_bytes()[:9_000])
    assert folder.scan() is None
    assert "shard-01.tar (0.0 MiB), which cannot be extracted" in caplog.text
    shutil.copy(packed[0], arrived)
    first = len(folder.scan())
    # The same images again are not counted twice.
    with arrived.open("ab") as file:
        file.write(bytes(10_240))
    assert folder.scan() is None or len(folder.scan()) == first


def test_images_that_are_too_small_are_counted_and_left_out(packed, tmp_path, caplog) -> None:
    folder = folder_of(tmp_path, min_side=41)
    shutil.copy(packed[-1], tmp_path / "arrived")
    with pytest.raises(DatasetError, match=r"none of the \d images .* has 41 pixels a side"):
        folder.scan()
    assert "images that are too small" in caplog.text
