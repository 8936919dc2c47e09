"""Files that appear in a folder are taken when they have come to rest."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hiir.cli.photos.watch import resting_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in/out").mkdir(parents=True)
    return tmp_path / "in"


@pytest.fixture
def photos(folder: Path) -> Iterator[Iterator[tuple[Path, Path]]]:
    watched = resting_photos([folder], output=folder / "out", recursive=True, rest_seconds=0.5)
    yield watched
    watched.close()


def write_later(path: Path, *pieces: bytes, pause: float) -> threading.Thread:
    def write() -> None:
        with path.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                file.flush()
                time.sleep(pause)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_photos_that_exist_come_first_and_new_ones_follow(folder, photos) -> None:
    (folder / "a.png").write_bytes(b"a")
    assert next(photos) == ((folder / "a.png").absolute(), Path("a.png"))
    (folder / "day").mkdir()
    (folder / "day/.hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_bytes(b"")
    (folder / "out/result.png").write_bytes(b"")
    time.sleep(0.2)
    (folder / "day/b.png").write_bytes(b"b")
    assert next(photos)[1] == Path("day/b.png")


def test_a_file_is_taken_when_it_is_complete(folder, photos) -> None:
    (folder / "first.png").write_bytes(b"first")
    assert next(photos)[1] == Path("first.png")
    thread = write_later(folder / "a.png", *[b"piece"] * 8, pause=0.2)
    path, _ = next(photos)
    assert path.read_bytes() == b"piece" * 8
    thread.join()


def test_a_file_is_taken_again_when_it_has_changed(folder, photos) -> None:
    (folder / "a.png").write_bytes(b"first")
    assert next(photos)[1] == Path("a.png")
    (folder / "a.png").write_bytes(b"a second one")
    assert next(photos)[0].read_bytes() == b"a second one"


def test_a_file_that_is_renamed_into_the_folder_is_taken(tmp_path, folder, photos) -> None:
    (folder / "first.png").write_bytes(b"first")
    assert next(photos)[1] == Path("first.png")
    (tmp_path / "b.png").write_bytes(b"b")
    (tmp_path / "b.png").rename(folder / "b.png")
    assert next(photos)[1] == Path("b.png")
