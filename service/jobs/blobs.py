"""Uploads and results in Redis: chunks with a lifetime, in a database of their own.

Chunks keep single values small, so that neither side ever moves a whole image in one command. Each
is written by `SET`, which a retried command repeats without harm. A blob's size, hash and number of
chunks are known only to the job that owns it: no second record can disagree.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from typing import cast

import redis

from service.errors import StoreFaultError
from service.jobs.job import Blob
from service.limits import MIB
from service.redis_connection import connect, redis_errors
from service.settings import RedisDatabase, Settings

_CHUNK_BYTES = MIB


class BlobStore:
    """Bytes by id. Every method raises `StoreUnavailableError` while Redis is away."""

    def __init__(self, *, client: redis.Redis) -> None:
        self._redis = client

    @classmethod
    def from_settings(cls, settings: Settings) -> "BlobStore":
        """The store on the database of its own."""
        return cls(
            client=connect(settings.database_url(RedisDatabase.BLOBS), decode_responses=False)
        )

    def close(self) -> None:
        """Drop the connections."""
        self._redis.close()

    def put(self, pieces: Iterable[bytes], *, seconds: int, blob_id: str | None = None) -> Blob:
        """Store the bytes of `pieces`, of any sizes, for `seconds`; nothing is left on failure.

        Whoever may have to store the same bytes again gives the id, and so replaces the first.
        """
        blob_id = blob_id or uuid.uuid4().hex
        size, digest = 0, hashlib.sha256()
        count = 0
        try:
            for chunk in _rechunk(pieces):
                with redis_errors():
                    self._redis.set(_key(blob_id, count), chunk, ex=seconds)
                count += 1
                size += len(chunk)
                digest.update(chunk)
        except BaseException:
            self._unlink(blob_id, count + 1)
            raise
        return Blob(id=blob_id, size=size, sha256=digest.hexdigest())

    def open(self, blob: Blob) -> Iterator[bytes] | None:
        """The blob in chunks, or None if (part of) it is gone.

        The last chunk is held back until the hash of all is checked, so that damage cannot look
        like a complete file. Raises `StoreFaultError` there, or if a chunk expires in the middle.
        """
        count = _count(blob)
        return self._read(blob, count) if self._is_whole(blob) else None

    def open_part(self, blob: Blob, *, start: int, stop: int) -> Iterator[bytes] | None:
        """Bytes `start` to before `stop` in pieces, or None if (part of) the blob is gone.

        The hash is of the whole, so that a part is not checked against it. Raises `StoreFaultError`
        if a chunk expires in the middle.
        """
        return self._read_part(blob, start, stop) if self._is_whole(blob) else None

    def touch(self, blob: Blob, *, seconds: int) -> None:
        """Start the blob's lifetime anew."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for number in range(_count(blob)):
                pipe.expire(_key(blob.id, number), seconds)
            pipe.execute()

    def delete(self, blob: Blob) -> None:
        """Remove the blob; no error if it is gone already."""
        with redis_errors():
            self._redis.unlink(*(_key(blob.id, number) for number in range(_count(blob))))

    def _read(self, blob: Blob, count: int) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for number in range(count):
            chunk = self._chunk(blob, number)
            digest.update(chunk)
            if number == count - 1 and digest.hexdigest() != blob.sha256:
                raise StoreFaultError("A stored file is damaged.")
            yield chunk

    def _read_part(self, blob: Blob, start: int, stop: int) -> Iterator[bytes]:
        for number in range(start // _CHUNK_BYTES, -(-stop // _CHUNK_BYTES)):
            base = number * _CHUNK_BYTES
            yield self._chunk(blob, number)[max(start - base, 0) : stop - base]

    def _chunk(self, blob: Blob, number: int) -> bytes:
        with redis_errors():
            chunk = cast("bytes | None", self._redis.get(_key(blob.id, number)))
        if chunk is None:
            raise StoreFaultError("A stored file expired while it was read.")
        return chunk

    def _is_whole(self, blob: Blob) -> bool:
        count = _count(blob)
        with redis_errors():
            found = self._redis.exists(*(_key(blob.id, number) for number in range(count)))
        return bool(found == count)

    def _unlink(self, blob_id: str, count: int) -> None:
        try:
            self._redis.unlink(*(_key(blob_id, number) for number in range(count)))
        except redis.RedisError:
            # Redis is away, which is likely why we are here: the lifetime removes the chunks.
            return


def _rechunk(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Bytes in chunks of one size, the last one shorter; one empty chunk for no bytes at all."""
    buffer, yielded = bytearray(), False
    for piece in pieces:
        buffer += piece
        while len(buffer) >= _CHUNK_BYTES:
            yield bytes(buffer[:_CHUNK_BYTES])
            del buffer[:_CHUNK_BYTES]
            yielded = True
    if buffer or not yielded:
        yield bytes(buffer)


def _count(blob: Blob) -> int:
    return max(1, -(-blob.size // _CHUNK_BYTES))


def _key(blob_id: str, number: int) -> str:
    return f"hiir:blob:{blob_id}:{number}"
