"""The journal survives a kill at any point, and knows what was made from what."""

import hashlib
from pathlib import Path

import pytest

from hiir.cli.photos.journal import open_journal
from hiir.cli.photos.plan import PhotoPlanError, PlannedPhoto

MODELS = frozenset({"model-1"})


@pytest.fixture
def photo(tmp_path: Path) -> PlannedPhoto:
    return PlannedPhoto(
        source=tmp_path / "in/a.png", relative=Path("a.png"), target=tmp_path / "out/a.png"
    )


def record_result(
    folder: Path, photo: PlannedPhoto, content: bytes, key: str = "key", models: str = "model-1"
) -> None:
    with open_journal(folder) as journal:
        journal.restored(
            photo,
            key,
            target=photo.target,
            sha256=hashlib.sha256(content).hexdigest(),
            model_sha256=models,
            job_id="job",
        )


def is_done(folder: Path, photo: PlannedPhoto, key: str = "key", models=MODELS) -> bool:
    with open_journal(folder) as journal:
        return journal.is_done(photo, key, models=models)


def test_a_result_counts_once_its_file_is_complete(photo: PlannedPhoto) -> None:
    folder = photo.target.parent
    record_result(folder, photo, b"whole")
    assert not is_done(folder, photo)  # killed before the file had its name
    photo.target.write_bytes(b"who")
    assert not is_done(folder, photo)
    photo.target.write_bytes(b"whole")
    assert is_done(folder, photo)


def test_another_photo_request_or_model_is_not_done(photo: PlannedPhoto) -> None:
    folder = photo.target.parent
    record_result(folder, photo, b"whole")
    photo.target.write_bytes(b"whole")
    assert not is_done(folder, photo, key="other")
    assert not is_done(folder, photo, models=frozenset({"model-2"}))


@pytest.mark.parametrize(
    ("used", "served", "done"),
    [
        ("model-1,model-2", {"model-1", "model-2"}, True),
        ("model-1,model-2", {"model-1"}, False),
        ("", {"model-1"}, True),
    ],
)
def test_a_result_of_several_models_or_none_is_done_while_all_are_served(
    photo: PlannedPhoto, used: str, served: set[str], done: bool
) -> None:
    folder = photo.target.parent
    record_result(folder, photo, b"whole", models=used)
    photo.target.write_bytes(b"whole")
    assert is_done(folder, photo, models=frozenset(served)) is done


@pytest.mark.parametrize("cut", range(1, 40, 7))
def test_a_line_that_was_cut_off_is_ignored(photo: PlannedPhoto, cut: int) -> None:
    folder = photo.target.parent
    record_result(folder, photo, b"first")
    record_result(folder, photo, b"second")
    path = folder / ".hiir.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    photo.target.write_bytes(b"first")
    assert is_done(folder, photo)
    record_result(folder, photo, b"third")
    photo.target.write_bytes(b"third")
    assert is_done(folder, photo)


def test_a_submission_keeps_its_key_until_its_job_has_failed(photo: PlannedPhoto) -> None:
    folder = photo.target.parent

    def key() -> str:
        with open_journal(folder) as journal:
            return journal.idempotency_key(photo, "key", models="model-1")

    def fail(job_id: str | None) -> None:
        with open_journal(folder) as journal:
            journal.failed(photo, "key", code="timeout", request_id=None, job_id=job_id)

    first = key()
    assert key() == first
    fail(None)  # refused: no job has the key
    assert key() == first
    fail("job")
    assert key() != first


def test_another_folder_has_other_keys(tmp_path: Path, photo: PlannedPhoto) -> None:
    moved = PlannedPhoto(
        source=photo.source, relative=photo.relative, target=tmp_path / "other/a.png"
    )
    with open_journal(tmp_path / "out") as one, open_journal(tmp_path / "other") as other:
        assert one.idempotency_key(photo, "key", models="m") != other.idempotency_key(
            moved, "key", models="m"
        )


def test_a_folder_belongs_to_one_command_at_a_time(tmp_path: Path) -> None:
    second = open_journal(tmp_path)
    with open_journal(tmp_path), pytest.raises(PhotoPlanError, match="Another"), second:
        pass


def test_a_journal_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".hiir.jsonl").write_text('{"hiir_journal": 2, "id": "a"}\n')
    with pytest.raises(PhotoPlanError, match="another version"), open_journal(tmp_path):
        pass
