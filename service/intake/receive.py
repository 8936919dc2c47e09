"""Receives an upload: streams it, counts its bytes, and spools it to `TMPDIR`.

Memory per upload is bounded by one chunk. Starlette's parser splits the form and spools each file.
Bytes are counted before the parser, and include form framing and fields.
"""

import json
import os
import re
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from service.errors import (
    BodyTooLargeError,
    DuplicateParameterError,
    InvalidMultipartError,
    InvalidParameterError,
    InvalidRequestError,
    MissingFileError,
    TooManyFilesError,
    UnknownParameterError,
    UnsupportedMediaTypeError,
    UploadInterruptedError,
)
from service.jobs.stored_image import Blob
from service.limits import MIB, Limits

FILE_FIELD, RIGHT_FIELD = "file", "file_right"
_NAME_CHARACTERS = 255
_REFERENCE_BYTES = 64 * 1024
"""Maximum bytes of a body that names a presigned upload."""
_BATCH_MEMORY = 64 * 1024
"""Bytes of each file of a batch that stay in memory before it is spooled to disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A received file with its form fields."""

    file: BinaryIO
    right: BinaryIO | None = None
    """The right view of a dual-pixel sensor; `file` is the left one."""
    filename: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    upload_id: str | None = None
    """The presigned upload that contains the file; `file` is empty until it is fetched."""
    stored: Blob | None = None
    """The file in the bucket, after it has been fetched."""

    @property
    def views(self) -> tuple[BinaryIO, ...]:
        """The files, with the left view first."""
        return (self.file,) if self.right is None else (self.file, self.right)

    @property
    def right_from(self) -> int | None:
        """Offset of the right view in the bytes of `pieces`; None for a single file."""
        return None if self.right is None else self.file.seek(0, os.SEEK_END)

    @property
    def size(self) -> int:
        """Total bytes of all files."""
        return sum(file.seek(0, os.SEEK_END) for file in self.views)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of all files, one after the other."""
        for file in self.views:
            file.seek(0)
            while piece := file.read(MIB):
                yield piece

    def close(self) -> None:
        """Delete the spooled files."""
        for file in self.views:
            file.close()


async def receive_upload(
    *,
    headers: Headers,
    stream: AsyncIterator[bytes],
    limits: Limits,
    allowed_fields: Sequence[str],
) -> Upload:
    """Receive a form with `file` and optionally `file_right`, an image, or JSON.

    JSON names a presigned upload. Nothing stays on disk after an error.

    Raises:
        BodyTooLargeError: before anything is read if `Content-Length` is too large, otherwise at
            the first excess byte.
        ServiceError: the other errors of a body (see `service.errors`).
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    _check_declared_length(headers, limits.body_bytes)
    counted = _count(stream, limits.body_bytes)
    if media_type == "multipart/form-data":
        return await _receive_form(headers, counted, limits.form_fields, allowed_fields)
    if media_type.startswith("image/") or media_type == "application/octet-stream":
        return await _receive_raw(counted)
    if media_type == "application/json":
        return await _receive_reference(counted, allowed_fields)
    raise UnsupportedMediaTypeError(
        "Send multipart/form-data with a file, the image itself as image/* or "
        "application/octet-stream, or application/json with the upload_id of a presigned upload.",
        actual=media_type[:100] or "none",
    )


async def receive_uploads(
    *,
    headers: Headers,
    stream: AsyncIterator[bytes],
    limits: Limits,
    allowed_fields: Sequence[str],
) -> list[Upload]:
    """Receive a form with one or more `file` parts; each upload gets the form's fields.

    The caller checks the size of each file.

    Raises:
        ServiceError: the errors of `receive_upload`.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        raise UnsupportedMediaTypeError(
            "Send multipart/form-data with the files.", actual=media_type[:100] or "none"
        )
    _check_declared_length(headers, limits.batch_bytes)
    counted = _count(stream, limits.batch_bytes)
    parser = _FormParser(
        headers, counted, max_files=limits.batch_files, max_fields=limits.form_fields
    )
    parser.spool_max_size = _BATCH_MEMORY
    form = await _parse(parser, limits.form_fields, max_files=limits.batch_files)
    try:
        files, fields = _split_form(form, allowed_fields, names=(FILE_FIELD,))
    except BaseException:
        await form.close()
        raise
    return [
        Upload(file=file.file, filename=_display_name(file.filename), fields=fields)
        for file in files[FILE_FIELD]
    ]


def count_body(
    headers: Headers, stream: AsyncIterator[bytes], limit: int
) -> AsyncGenerator[bytes, None]:
    """Return the stream, limited to `limit` bytes.

    Raises:
        BodyTooLargeError: at once if the headers declare more; from the stream at the first excess
            byte.
    """
    _check_declared_length(headers, limit)
    return _count(stream, limit)


def _check_declared_length(headers: Headers, limit: int) -> None:
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit, int(declared))


async def _count(stream: AsyncIterator[bytes], limit: int) -> AsyncGenerator[bytes, None]:
    received = 0
    try:
        async for chunk in stream:
            received += len(chunk)
            if received > limit:
                raise _too_large(limit, received)
            yield chunk
    except ClientDisconnect as error:
        raise UploadInterruptedError(
            "The connection was closed before the body was complete."
        ) from error


def _too_large(limit: int, actual: int) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"The request body has at least {actual} bytes; the limit is {limit}.",
        limit=limit,
        actual=actual,
    )


async def _receive_raw(stream: AsyncIterator[bytes]) -> Upload:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the upload owns it from here on
    try:
        buffer = bytearray()
        async for chunk in stream:
            buffer += chunk
            if len(buffer) >= MIB:
                await run_in_threadpool(file.write, bytes(buffer))
                buffer.clear()
        await run_in_threadpool(file.write, bytes(buffer))
    except BaseException:
        file.close()
        raise
    return Upload(file=file)


async def _receive_reference(stream: AsyncIterator[bytes], allowed_fields: Sequence[str]) -> Upload:
    body = bytearray()
    async for chunk in stream:
        body += chunk
        if len(body) > _REFERENCE_BYTES:
            raise _too_large(_REFERENCE_BYTES, len(body))
    try:
        values = json.loads(body)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise InvalidRequestError("The body is not a JSON object.")
    upload_id, filename = values.pop("upload_id", None), values.pop("filename", None)
    if not isinstance(upload_id, str):
        raise MissingFileError("The body has no text upload_id.")
    if not isinstance(filename, str | None):
        raise InvalidParameterError("filename must be a text.")
    refuse_unknown(list(values), known=allowed_fields)
    return Upload(
        file=tempfile.TemporaryFile(),
        filename=_display_name(filename),
        fields={name: _as_field(value) for name, value in values.items()},
        upload_id=upload_id,
    )


def _as_field(value: object) -> str:
    """Return a JSON value in the form that a form field has."""
    return value if isinstance(value, str) else json.dumps(value)


class _FormParser(MultiPartParser):
    """Requires the closing boundary: a form without it is truncated in its last part."""

    _ended = False

    def on_end(self) -> None:
        self._ended = True

    async def parse(self) -> FormData:
        form = await super().parse()
        if not self._ended:
            for file in self._files_to_close_on_error:
                file.close()
            raise MultiPartException("The form ends before its closing boundary.")
        return form


async def _receive_form(
    headers: Headers,
    stream: AsyncGenerator[bytes, None],
    max_parts: int,
    allowed_fields: Sequence[str],
) -> Upload:
    # The parser accepts several files, so that the second one is refused with the error of this
    # service.
    parser = _FormParser(headers, stream, max_files=max_parts, max_fields=max_parts)
    form = await _parse(parser, max_parts)
    try:
        return _read_form(form, allowed_fields)
    except BaseException:
        await form.close()
        raise


async def _parse(parser: _FormParser, max_parts: int, *, max_files: int | None = None) -> FormData:
    try:
        return await parser.parse()
    except MultiPartException as error:
        if max_files is not None and error.message.startswith("Too many files"):
            raise TooManyFilesError(
                f"The form has more than {max_files} files.", limit=max_files, actual=max_files + 1
            ) from error
        limit = max_parts if error.message.startswith("Too many") else None
        raise InvalidMultipartError(error.message, limit=limit) from error
    except UnicodeError as error:
        raise InvalidMultipartError("The form is not valid in its charset.") from error


def _read_form(form: FormData, allowed_fields: Sequence[str]) -> Upload:
    files, fields = _split_form(form, allowed_fields, names=(FILE_FIELD, RIGHT_FIELD))
    repeated = max((len(same) for same in files.values()), default=1)
    if repeated > 1:
        raise TooManyFilesError("A job takes one file.", limit=1, actual=repeated)
    (left,), (right,) = files[FILE_FIELD], files.get(RIGHT_FIELD, [None])
    return Upload(
        file=left.file,
        right=None if right is None else right.file,
        filename=_display_name(left.filename),
        fields=fields,
    )


def _split_form(
    form: FormData, allowed_fields: Sequence[str], *, names: Sequence[str]
) -> tuple[dict[str, list[UploadFile]], dict[str, str]]:
    items = form.multi_items()
    files: dict[str, list[UploadFile]] = {}
    for name, value in items:
        if isinstance(value, UploadFile):
            files.setdefault(name, []).append(value)
    fields = [(name, value) for name, value in items if isinstance(value, str)]
    for name, value in fields:
        if name in names:  # curl sends `-F file=photo.jpg` as text
            raise MissingFileError(
                f"The form field {name!r} is text, not a file. With curl, write "
                f"-F {name}=@ and the path of the file.",
                actual=value[:100],
            )
    refuse_unknown([name for name, _ in fields], known=allowed_fields)
    refuse_unknown(sorted(files), known=names)
    if FILE_FIELD not in files:
        raise MissingFileError(f"The form has no file named {FILE_FIELD!r}.")
    return files, dict(fields)


def refuse_unknown(given: Sequence[str], *, known: Sequence[str]) -> None:
    """Check that the parameters are known and given once.

    Raises:
        UnknownParameterError: if a parameter is not in `known`.
        DuplicateParameterError: if a parameter is given twice.
    """
    unknown = [name for name in given if name not in known]
    if unknown:
        accepted = ", ".join(known) or "none"
        raise UnknownParameterError(
            f"Accepted parameters: {accepted}.",
            limit=accepted,
            actual=unknown[0][:100],
            errors=[{"name": name[:100], "problem": "unknown"} for name in unknown],
        )
    repeated = sorted({name for name in given if given.count(name) > 1})
    if repeated:
        raise DuplicateParameterError(
            "Each parameter may be given only once.",
            limit=1,
            actual=given.count(repeated[0]),
            errors=[{"name": name, "problem": "given more than once"} for name in repeated],
        )


def _display_name(name: str | None) -> str | None:
    """Return the client's filename without directories and control characters, for display only."""
    base = re.split(r"[/\\]", name or "")[-1]
    printable = "".join(character for character in base if character.isprintable())
    return printable[-_NAME_CHARACTERS:] or None
