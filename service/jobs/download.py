"""Filename and media type of a downloaded result."""

from pathlib import PurePath
from typing import Protocol
from urllib.parse import quote

from service.jobs.job import Job


class FileType(Protocol):
    """A file format, or a file with a format."""

    @property
    def media_type(self) -> str:
        """Media type for `Content-Type`."""

    @property
    def extension(self) -> str:
        """Filename extension, with its dot."""


def download_headers(job: Job, file: FileType) -> dict[str, str]:
    """Return the response headers that describe a job's result."""
    # The suggested filename is derived from the name of the upload.
    name = f"{PurePath(job.filename or job.id).stem}-restored{file.extension}"
    plain = name.encode("ascii", "replace").decode().translate({ord(c): "_" for c in '"\\?%'})
    return {
        "Content-Type": file.media_type,
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}",
    }
