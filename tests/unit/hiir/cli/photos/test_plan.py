"""Which files are restored, and where their results go."""

from pathlib import Path

import pytest

from hiir.cli.photos.plan import PhotoPlanError, plan_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = ("b.JPG", "a.png", "notes.txt", ".a.png", "day/a.png")
    for name in (*(f"in/{name}" for name in inside), "other/a.png", "both/a.jpg", "both/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(folder: Path, *inputs: str, output: str = "out", recursive: bool = False) -> list[str]:
    found = plan_photos(
        [folder / name for name in inputs], output=folder / output, recursive=recursive
    )
    return [
        f"{photo.source.relative_to(folder)} > {photo.target.relative_to(folder)}"
        for photo in found
    ]


def test_photos_of_a_folder_are_found_and_keep_their_paths(folder: Path) -> None:
    assert names(folder, "in") == ["in/a.png > out/a.png", "in/b.JPG > out/b.JPG"]
    assert "in/day/a.png > out/day/a.png" in names(folder, "in", recursive=True)


def test_a_named_file_is_restored_whatever_its_suffix(folder: Path) -> None:
    assert names(folder, "in/notes.txt") == ["in/notes.txt > out/notes.txt"]


def test_results_of_an_earlier_run_are_not_restored(folder: Path) -> None:
    (folder / "in/out").mkdir()
    (folder / "in/out/a.png").touch()
    found = names(folder, "in", output="in/out", recursive=True)
    assert "in/a.png > in/out/a.png" in found
    assert len(found) == 3


def test_a_folder_inside_the_output_folder_is_restored(folder: Path) -> None:
    assert names(folder, "in/day", output=".") == ["in/day/a.png > a.png"]


def test_a_file_that_is_named_twice_is_restored_once(folder: Path) -> None:
    assert len(names(folder, "in", "in/a.png")) == 2


@pytest.mark.parametrize(
    ("inputs", "output", "reason"),
    [
        (["in", "other"], "out", "would both be restored to"),
        (["nothing"], "out", "neither a file nor a folder"),
        (["in/a.png"], "in", "is in the output folder"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    folder: Path, inputs: list[str], output: str, reason: str
) -> None:
    with pytest.raises(PhotoPlanError, match=reason):
        names(folder, *inputs, output=output)


def test_a_format_decides_the_suffix(folder: Path) -> None:
    inputs = [folder / "in/b.JPG", folder / "in/a.png"]
    jpeg = plan_photos(inputs, output=folder / "out", recursive=False, image_format="jpeg")
    assert [photo.target.name for photo in jpeg] == ["b.JPG", "a.jpg"]
    webp = plan_photos(inputs, output=folder / "out", recursive=False, image_format="webp")
    assert [photo.target.name for photo in webp] == ["b.webp", "a.webp"]


def test_two_photos_that_one_format_would_give_one_name_are_refused(folder: Path) -> None:
    both = [folder / "both"]
    assert len(plan_photos(both, output=folder / "out", recursive=False)) == 2
    with pytest.raises(PhotoPlanError, match="would both be restored to"):
        plan_photos(both, output=folder / "out", recursive=False, image_format="webp")


def test_right_views_have_the_paths_of_their_photos(folder: Path) -> None:
    photos = plan_photos(
        [folder / "in"], output=folder / "out", recursive=True, right=folder / "in"
    )
    assert [photo.right for photo in photos] == [photo.source for photo in photos]
    with pytest.raises(PhotoPlanError, match="no right view"):
        plan_photos([folder / "in"], output=folder / "out", recursive=True, right=folder / "other")
    with pytest.raises(PhotoPlanError, match="must be a folder"):
        plan_photos(
            [folder / "in"], output=folder / "out", recursive=True, right=folder / "in/a.png"
        )
