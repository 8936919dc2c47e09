"""The journal of an output folder: the outcome of each photo, so that a run can be resumed.

It has one JSON object per line, which is appended and synchronized before a result appears under
its name. A line that a crash has cut off is ignored. The first line holds the folder's id, from
which the idempotency keys of its submissions are derived.
"""

import fcntl
import hashlib
import json
import os
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import BinaryIO, Literal

from hiir.cli.photos.plan import PhotoPlanError, PlannedPhoto

__all__ = ["Journal", "Record", "open_journal"]

_NAME = ".hiir.jsonl"
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The outcome of one photo."""

    photo: str
    """Planned path of the result inside the output folder."""
    status: Literal["restored", "failed"]
    key: str
    """`RestoreRequest.key`."""
    target: str
    """Path of the result inside the output folder, which may have another suffix than planned."""
    sha256: str | None = None
    """SHA-256 of the result, in hex."""
    model_sha256: str | None = None
    """SHA-256 of the models, separated by commas; empty if nothing had to be restored."""
    job_id: str | None = None
    code: str | None = None
    request_id: str | None = None


class Journal:
    """The records of one output folder. Thread-safe."""

    def __init__(self, folder: Path, file: BinaryIO) -> None:
        self._folder = folder
        self._file = file
        self._lock = threading.Lock()
        self._latest: dict[str, Record] = {}
        self._ended: Counter[str] = Counter()
        self._id = self._read() or self._begin()

    def idempotency_key(self, photo: PlannedPhoto, key: str, *, models: str) -> str:
        """Return the key of a submission; it stays the same until its job has failed or expired."""
        with self._lock:
            text = json.dumps([self._id, self._name(photo), key, models, self._ended[key]])
        return hashlib.sha256(text.encode()).hexdigest()

    def count_ended(self, key: str) -> None:
        """Record that the job of a key is unusable, so that the next submission has another key."""
        with self._lock:
            self._ended[key] += 1

    def result_path(self, photo: PlannedPhoto) -> Path | None:
        """Return the path of the photo's existing result, if there is one."""
        with self._lock:
            record = self._latest.get(self._name(photo))
        written = [] if record is None else [self._folder / record.target]
        return next((path for path in (photo.target, *written) if path.exists()), None)

    def is_done(self, photo: PlannedPhoto, key: str, *, models: frozenset[str]) -> bool:
        """Return whether the result exists and was made from this photo, request and model."""
        with self._lock:
            record = self._latest.get(self._name(photo))
        if record is None or record.status != "restored" or record.key != key:
            return False
        path = self._folder / record.target
        used = set(filter(None, (record.model_sha256 or "").split(",")))
        return used <= models and path.is_file() and _hash(path) == record.sha256

    def restored(
        self,
        photo: PlannedPhoto,
        key: str,
        *,
        target: Path,
        sha256: str,
        model_sha256: str,
        job_id: str,
    ) -> None:
        """Record a result; call it before its file appears under its name."""
        self._append(
            Record(
                photo=self._name(photo),
                status="restored",
                key=key,
                target=target.relative_to(self._folder).as_posix(),
                sha256=sha256,
                model_sha256=model_sha256,
                job_id=job_id,
            )
        )

    def failed(
        self,
        photo: PlannedPhoto,
        key: str,
        *,
        code: str | None,
        request_id: str | None,
        job_id: str | None,
    ) -> None:
        """Record a failure. If a job has failed, the photo is submitted as a new job next time."""
        self._append(
            Record(
                photo=self._name(photo),
                status="failed",
                key=key,
                target=self._name(photo),
                code=code,
                request_id=request_id,
                job_id=job_id,
            )
        )

    def _name(self, photo: PlannedPhoto) -> str:
        return photo.target.relative_to(self._folder).as_posix()

    def _read(self) -> str | None:
        """Read the records, and return the folder's id."""
        self._file.seek(0)
        found: str | None = None
        names = {field.name for field in fields(Record)}
        for line in self._file.read().splitlines():
            try:
                item = json.loads(line)
            except ValueError:
                continue  # cut off by a crash
            if "hiir_journal" in item:
                if item["hiir_journal"] != _VERSION:
                    raise PhotoPlanError(f"{self._folder / _NAME} was written by another version.")
                found = item["id"]
            else:
                self._keep(Record(**{name: item[name] for name in item.keys() & names}))
        return found

    def _keep(self, record: Record) -> None:
        self._latest[record.photo] = record
        if record.status == "failed" and record.job_id is not None:
            self._ended[record.key] += 1

    def _begin(self) -> str:
        folder_id = uuid.uuid4().hex
        self._write({"hiir_journal": _VERSION, "id": folder_id})
        return folder_id

    def _append(self, record: Record) -> None:
        with self._lock:
            self._write({name: value for name, value in asdict(record).items() if value})
            self._keep(record)

    def _write(self, item: dict[str, object]) -> None:
        # The line starts with a line break, because the last line may have been cut off.
        end = self._file.seek(0, os.SEEK_END)
        self._file.write(b"\n" * bool(end) + json.dumps(item).encode())
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def open_journal(folder: Path) -> Iterator[Journal]:
    """Open the journal of an output folder, which is created if necessary.

    Raises:
        PhotoPlanError: if another command is writing to the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _NAME).open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when the process ends
        except BlockingIOError:
            raise PhotoPlanError(f"Another `hiir restore` writes to {folder}.") from None
        yield Journal(folder, file)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
