"""The response with a file of the blob store, or with a part of it."""

from collections.abc import Iterator, Mapping

from fastapi import Response
from fastapi.responses import StreamingResponse

from service.api.threads import Threads
from service.limits import MIB

_WHOLE_BYTES = MIB
"""Streams hold as much of a file in memory at once, and take a thread for each piece of it."""


def file_response(
    pieces: Iterator[bytes],
    *,
    size: int,
    threads: Threads,
    media_type: str,
    headers: Mapping[str, str],
    status_code: int = 200,
) -> Response:
    """Return a small file as a whole, and stream a larger one; reads, so call it in a thread.

    Raises the errors of reading a small file. Those of a larger one end its connection.
    """
    headers = {**headers, "Content-Length": str(size)}
    if size <= _WHOLE_BYTES:
        return Response(b"".join(pieces), status_code, headers, media_type)
    return StreamingResponse(threads.iterate(pieces), status_code, headers, media_type)
