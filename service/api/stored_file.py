"""The response with a file of the blob store, or with a part of it."""

from collections.abc import Iterator, Mapping

from fastapi import Response
from fastapi.responses import StreamingResponse

from service.api.threads import Threads
from service.limits import MIB

_WHOLE_BYTES = MIB
"""Largest file that is sent as a whole.

A stream holds as much in memory, and takes a thread for each piece.
"""


def file_response(
    pieces: Iterator[bytes],
    *,
    size: int,
    threads: Threads,
    media_type: str,
    headers: Mapping[str, str],
    status_code: int = 200,
) -> Response:
    """Return a small file as a whole, and stream a larger one.

    It reads the file, so call it in a thread. Errors while a larger file is read end its
    connection.

    Raises:
        ServiceError: errors of reading a small file.
    """
    headers = {**headers, "Content-Length": str(size)}
    if size <= _WHOLE_BYTES:
        return Response(b"".join(pieces), status_code, headers, media_type)
    return StreamingResponse(threads.iterate(pieces), status_code, headers, media_type)
