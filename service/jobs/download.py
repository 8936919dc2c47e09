"""Under which name, and as what, a client saves a restored image."""

from pathlib import PurePath
from typing import Protocol
from urllib.parse import quote

from service.jobs.job import Job


class FileType(Protocol):
    """A format, or a file of one."""

    @property
    def media_type(self) -> str:
        """Its name in `Content-Type`."""

    @property
    def extension(self) -> str:
        """With its dot."""


def download_headers(job: Job, file: FileType) -> dict[str, str]:
    """Return the headers of a response with the job's result that describe the file."""
    # A suggested filename for display, made from the uploaded one.
    name = f"{PurePath(job.filename or job.id).stem}-restored{file.extension}"
    plain = name.encode("ascii", "replace").decode().translate({ord(c): "_" for c in '"\\?%'})
    return {
        "Content-Type": file.media_type,
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}",
    }
