"""Objects in a bucket of any S3-compatible store, and the translation of obstore's errors.

obstore's threads do not survive a fork: a process that forks must not call any method of a bucket
before the fork.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain
from typing import Literal, TypeAlias

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from service.errors import StoreFaultError, StoreUnavailableError
from service.limits import MIB
from service.settings.bucket import BucketSettings

Method: TypeAlias = Literal["GET", "PUT"]

_PART_BYTES = 8 * MIB
"""Bytes of one request: larger objects are written in parts and read by ranges.

S3 requires at least 5 MiB for all parts except the last, and allows 10,000 parts.
"""
_PARTS_IN_FLIGHT = 2
_CONNECT_SECONDS = 2
_REQUEST_SECONDS = 30
_RETRIES = 2
_RETRY_SECONDS = 10


class Bucket:
    """The objects under one prefix; thread-safe.

    Every method raises `StoreUnavailableError` if the bucket does not answer, and `StoreFaultError`
    if it refuses the request.
    """

    def __init__(self, settings: BucketSettings) -> None:
        self._store = _open(settings, settings.endpoint)
        self._signer = _open(settings, settings.public_endpoint or settings.endpoint)

    def put(
        self, key: str, pieces: Iterable[bytes], *, headers: Mapping[str, str] | None = None
    ) -> None:
        """Write an object atomically; large objects are written in parts.

        Args:
            key: name of the object.
            pieces: the content; exceptions raised by this iterable are passed on unchanged.
            headers: headers of a response with the object.
        """
        parts = _parts_of(pieces)
        first, second = next(parts, b""), next(parts, None)
        with bucket_errors():
            if second is None:
                obstore.put(self._store, key, first, attributes=dict(headers or {}))
                return
            obstore.put(
                self._store,
                key,
                chain((first, second), parts),
                attributes=dict(headers or {}),
                use_multipart=True,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_IN_FLIGHT,
            )

    def size_of(self, key: str) -> int | None:
        """Return the size of an object in bytes, or None if it does not exist."""
        with bucket_errors():
            try:
                return obstore.head(self._store, key)["size"]
            except FileNotFoundError:
                return None

    def read(self, key: str, *, start: int, stop: int) -> Iterator[bytes] | None:
        """Return bytes `start` to `stop` (exclusive) by ranges, or None if there is no object.

        The first range is read immediately.

        Raises:
            StoreFaultError: if the object disappears while it is read.
        """
        if start >= stop:
            return None if self.size_of(key) is None else iter((b"",))
        first = self._range(key, start, stop)
        return None if first is None else chain((first,), self._rest(key, start, stop))

    def copy(self, source: str, target: str) -> bool:
        """Copy an object inside the bucket; returns whether the source exists."""
        with bucket_errors():
            try:
                obstore.copy(self._store, source, target)
            except FileNotFoundError:
                return False
        return True

    def delete(self, keys: Sequence[str]) -> None:
        """Delete those of the objects that exist."""
        if keys:
            with bucket_errors():
                obstore.delete(self._store, list(keys))

    def sign(self, method: Method, key: str, *, seconds: int) -> str:
        """Return a URL that allows `method` on one object for `seconds` without credentials.

        The URL does not limit the size of an upload.
        """
        with bucket_errors():
            return obstore.sign(self._signer, method, key, timedelta(seconds=seconds))

    def _rest(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        for position in range(start + _PART_BYTES, stop, _PART_BYTES):
            piece = self._range(key, position, stop)
            if piece is None:
                raise StoreFaultError("A stored file expired while it was read.")
            yield piece

    def _range(self, key: str, start: int, stop: int) -> bytes | None:
        """Read up to `_PART_BYTES` from `start`; returns None if the object does not exist."""
        with bucket_errors():
            try:
                end = min(start + _PART_BYTES, stop)
                return bytes(obstore.get_range(self._store, key, start=start, end=end))
            except FileNotFoundError:
                return None


@contextmanager
def bucket_errors() -> Iterator[None]:
    """Translate obstore's errors, except for those that a caller catches itself."""
    try:
        yield
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise StoreFaultError("The object store refused a request.") from error
    except BaseError as error:
        raise StoreUnavailableError("The object store does not answer; try again.") from error
    except FileNotFoundError as error:  # raised by a write if the bucket itself does not exist
        raise StoreFaultError("The object store has no such bucket.") from error


def _open(settings: BucketSettings, endpoint: str | None) -> S3Store:
    name, prefix = settings.location
    given = {
        "endpoint": endpoint,
        "region": settings.region,
        "access_key_id": settings.access_key_id,
        "secret_access_key": settings.secret_access_key
        and settings.secret_access_key.get_secret_value(),
    }
    # If these are absent, obstore reads the standard AWS variables and asks for the machine's role.
    known = {key: value for key, value in given.items() if value is not None}
    return S3Store(
        name,
        prefix=prefix or None,
        client_options={
            "allow_http": bool(endpoint and endpoint.startswith("http://")),
            "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
            "timeout": timedelta(seconds=_REQUEST_SECONDS),
        },
        retry_config={
            "max_retries": _RETRIES,
            "retry_timeout": timedelta(seconds=_RETRY_SECONDS),
        },
        **known,  # type: ignore[arg-type]
    )


def _parts_of(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join pieces into parts of at least `_PART_BYTES`; the last part may be smaller."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if len(buffer) >= _PART_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)
