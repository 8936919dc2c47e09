"""Sources of an upload: a path, bytes, or a seekable file."""

import io
from os import PathLike, fspath
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from hiir_client.effects import FilePart

Source: TypeAlias = str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path, the content itself, or a seekable binary file.

A retry sends it again, so an iterator or a pipe cannot be a source: read it into bytes first.
"""


def file_part(source: Source, *, name: str = "file", filename: str | None = None) -> FilePart:
    """Return the form's part for a source.

    Raises:
        FileNotFoundError: if the path does not exist.
    """
    match source:
        case str() | PathLike():
            path = Path(fspath(source))
            if not path.is_file():
                raise FileNotFoundError(f"Found no file at {path}.")
            return FilePart(name=name, filename=filename or path.name, open=lambda: path.open("rb"))
        case bytes() | bytearray() | memoryview():
            content = bytes(source)
            return FilePart(
                name=name, filename=filename or "image", open=lambda: io.BytesIO(content)
            )
        case _ if hasattr(source, "read") and hasattr(source, "seekable") and source.seekable():
            shown = getattr(source, "name", None)
            default = Path(shown).name if isinstance(shown, str) else "image"
            start = source.tell()
            return FilePart(
                name=name,
                filename=filename or default,
                open=lambda: cast("BinaryIO", _Borrowed(source, start)),
            )
        case _:
            raise TypeError(
                "A source is a path, bytes or a seekable binary file, because a retry sends it "
                f"again; {type(source).__name__} is none of them."
            )


class _Borrowed(io.RawIOBase):
    """A caller's file from a position on; closing it leaves the caller's file open."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        file.seek(start)
        self._start = start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            offset += self._start
        return self._file.seek(offset, whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start
