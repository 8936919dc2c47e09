"""The files of the web page, read once and sent from memory.

Their names contain no hashes, because there is no build step: a browser revalidates them each time,
and receives 304 if they have not changed.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath
from typing import Self

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

INDEX = "index.html"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_COMPRESSED = {".css", ".html", ".js", ".svg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile:
    """One file of the page."""

    media_type: str
    content: bytes
    gzipped: bytes | None
    """The content for clients that accept gzip; None if compression saves nothing."""
    etag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> Self:
        """Build the file.

        Raises:
            KeyError: if the page has no files of this type.
        """
        suffix = PurePath(name).suffix
        return cls(
            media_type=_MEDIA_TYPES[suffix],
            content=content,
            gzipped=gzip.compress(content, mtime=0) if suffix in _COMPRESSED else None,
            etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        )


def load_page() -> Mapping[str, PageFile]:
    """Read all files of the page, by name."""
    return {
        item.name: PageFile.of(item.name, item.read_bytes())
        for item in files("service.api").joinpath("page").iterdir()
        if item.is_file()
    }
