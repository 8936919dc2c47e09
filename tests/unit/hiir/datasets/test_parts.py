import subprocess
from pathlib import Path

import pytest

from hiir.datasets.parts import write_parts
from hiir.datasets.pool import DatasetError


def test_parts_unpack_into_the_root_that_they_were_made_of(draw_images, tmp_path: Path) -> None:
    draw_images("first", (40, 40), (40, 40), (40, 40))
    draw_images("second", (40, 40), seed=1)
    limit = 22_000
    parts = write_parts(tmp_path, ["first", "second"], tmp_path / "parts", max_bytes=limit)
    assert len(parts) > 1
    assert all(part.stat().st_size <= limit for part in parts)
    again = tmp_path / "again"
    again.mkdir()
    for part in reversed(parts):
        subprocess.run(["tar", "-xf", part, "-C", again], check=True)
    for folder in ("first", "second"):
        names = sorted(path.name for path in (tmp_path / folder).iterdir())
        assert sorted(path.name for path in (again / folder).iterdir()) == names
        for name in names:
            assert (again / folder / name).read_bytes() == (tmp_path / folder / name).read_bytes()


def test_an_image_that_is_larger_than_a_part_is_named(draw_images, tmp_path: Path) -> None:
    draw_images("photos", (64, 64))
    with pytest.raises(DatasetError, match=r"0\.png does not fit a part of 12000 bytes"):
        write_parts(tmp_path, ["photos"], tmp_path / "parts", max_bytes=12_000)
