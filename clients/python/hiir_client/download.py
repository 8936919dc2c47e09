"""Downloads, which are resumed after an interruption, and verified by their hash."""

import hashlib
import io
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from hiir_client.effects import Close, Effect, Operation, Read, Request
from hiir_client.errors import (
    ConnectionLostError,
    JobCanceledError,
    ResultCorruptError,
    ResultExistsError,
)
from hiir_client.exchange import error_of, open_stream, pause_before
from hiir_client.models import Job
from hiir_client.retries import RetryPolicy
from hiir_client.submission import quote_id

_PARTIAL = 206


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A restored image, in memory or in a file."""

    job: Job
    path: Path | None
    """The file; None if the image is in memory."""
    content: bytes | None
    """Bytes of the image file; None if they are in the file at `path`."""

    def read_bytes(self) -> bytes:
        """Return the bytes of the image file."""
        if self.content is not None:
            return self.content
        assert self.path is not None  # noqa: S101 - one of them is set
        return self.path.read_bytes()


def download_result(
    job: Job, *, to: str | PathLike[str] | None, overwrite: bool, policy: RetryPolicy
) -> Operation[Result]:
    """Download the result of a job that has ended, into memory or into the file `to`.

    A file appears under its name only when it is complete.

    Raises:
        ApiError: if the job has failed, the exception of its code.
        JobCanceledError: if the job was canceled.
        ResultCorruptError: if the bytes do not have the hash that the service states.
        ResultExistsError: if the file exists, and `overwrite` is not set.
    """
    if job.error is not None:
        raise error_of(job.error, job_id=job.id)
    if job.status == "canceled":
        raise JobCanceledError("The job was canceled and has no result.", job_id=job.id)
    path = f"/v1/jobs/{quote_id(job.id)}/result"
    sha256 = None if job.output is None else job.output.sha256
    if to is None:
        buffer = io.BytesIO()
        yield from _download(path, buffer, sha256=sha256, policy=policy)
        return Result(job=job, path=None, content=buffer.getvalue())
    with new_file(Path(to), overwrite=overwrite) as file:
        yield from _download(path, file, sha256=sha256, policy=policy)
    return Result(job=job, path=Path(to), content=None)


def download_archive(
    batch_id: str,
    *,
    to: str | PathLike[str],
    partial: bool,
    overwrite: bool,
    policy: RetryPolicy,
) -> Operation[Path]:
    """Download a batch's results as a ZIP archive.

    After an interruption, the download starts from the beginning.
    """
    request = Request(
        method="GET",
        path=f"/v1/batches/{quote_id(batch_id)}/results.zip",
        query={"partial": "true"} if partial else {},
    )
    with new_file(Path(to), overwrite=overwrite) as file:
        retry = 0
        while True:
            file.seek(0)
            file.truncate()
            try:
                yield from open_stream(request, policy=policy)
                while piece := (yield Read()):
                    file.write(piece)
                yield Close()
            except ConnectionLostError as error:
                yield Close()
                yield from pause_before(retry, error, request=request, policy=policy)
                retry += 1
            else:
                return Path(to)


@contextmanager
def new_file(path: Path, *, overwrite: bool) -> Generator[BinaryIO, None, None]:
    """Open a file that appears as `path` only if the block succeeds."""
    if path.exists() and not overwrite:
        raise ResultExistsError(f"{path} exists.")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            part.replace(path)
        else:
            _link(part, path)
    finally:
        part.unlink(missing_ok=True)


def _link(part: Path, path: Path) -> None:
    """Give the file its name, unless another file with this name has been created."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise ResultExistsError(f"{path} exists.") from None
    except OSError:  # the file system does not support links
        part.replace(path)


def _download(
    path: str, file: BinaryIO, *, sha256: str | None, policy: RetryPolicy
) -> Generator[Effect, Any, None]:
    retry, etag = 0, ""
    while True:
        start = file.tell() if etag else 0
        # A content coding would make the positions of a range ambiguous.
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": etag}
        request = Request(method="GET", path=path, headers=headers)
        try:
            head = yield from open_stream(request, policy=policy)
            etag = head.headers.get("etag", "")
            is_continued = head.status == _PARTIAL and start == _first_byte(head.headers)
            file.seek(start if is_continued else 0)
            file.truncate()
            while piece := (yield Read()):
                file.write(piece)
                retry = 0
            yield Close()
        except ConnectionLostError as error:
            yield Close()
            yield from pause_before(retry, error, request=request, policy=policy)
            retry += 1
        else:
            break
    _check_hash(file, wanted=sha256 or etag.strip('"'))


def _first_byte(headers: Any) -> int | None:
    """Return the first position of a `Content-Range`, which is `bytes first-last/size`."""
    first = headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isascii() and first.isdigit() else None


def _check_hash(file: BinaryIO, *, wanted: str) -> None:
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    if digest.hexdigest() != wanted:
        raise ResultCorruptError(
            f"The result has the SHA-256 {digest.hexdigest()}, and the service states {wanted}."
        )
