"""Blobs in Redis: chunks with an expiry, in a separate database.

Chunks keep values small, so that no command transfers a whole image. Each chunk is written by
`SET`, which can be retried safely. Size, hash and number of chunks are stored only in the record of
the job that owns the blob, so that no second record can disagree.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import redis

from service.errors import StoreFaultError, StoreFullError
from service.jobs.blobs import BlobStore
from service.jobs.stored_image import Blob
from service.limits import MIB
from service.redis_connection import connect, redis_errors
from service.settings import RedisDatabase, Settings

_CHUNK_BYTES = MIB


class RedisBlobStore(BlobStore):
    """Blobs in Redis, limited so that records and messages always have memory."""

    def __init__(self, *, client: redis.Redis, max_percent: int) -> None:
        self._redis = client
        self._max_percent = max_percent

    @classmethod
    def from_settings(cls, settings: Settings) -> "RedisBlobStore":
        """Build the store on the blob database."""
        return cls(
            client=connect(settings.database_url(RedisDatabase.BLOBS), decode_responses=False),
            max_percent=settings.limits.store_blob_percent,
        )

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def put(
        self,
        pieces: Iterable[bytes],
        *,
        seconds: int,
        size: int = 0,
        blob_id: str | None = None,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 - Redis serves no files
    ) -> Blob:
        """Store the bytes of `pieces`.

        Raises:
            StoreFullError: if Redis's memory in use would exceed `max_percent`.
        """
        if size > _CHUNK_BYTES:  # smaller blobs are checked with their only chunk
            self._require_memory(size)
        blob_id = blob_id or uuid.uuid4().hex
        written, digest = 0, hashlib.sha256()
        count = 0
        try:
            for chunk in _rechunk(pieces):
                self._require_memory(len(chunk))
                with redis_errors():
                    self._redis.set(_key(blob_id, count), chunk, ex=seconds)
                count += 1
                written += len(chunk)
                digest.update(chunk)
        except BaseException:
            self._unlink(blob_id, count + 1)
            raise
        return Blob(id=blob_id, size=written, sha256=digest.hexdigest())

    def _require_memory(self, size: int) -> None:
        with redis_errors():
            memory = self._redis.info("memory")
        limit = memory["maxmemory"] * self._max_percent // 100
        if limit and memory["used_memory"] + size > limit:
            raise StoreFullError("The job store has no memory left; try again later.")

    def open(self, blob: Blob) -> Iterator[bytes] | None:
        """Return the blob in chunks, or None if any part of it has expired."""
        if _count(blob) == 1:
            return self._open_only_chunk(blob)
        return self._read(blob) if self._is_whole(blob) else None

    def open_part(self, blob: Blob, *, start: int, stop: int) -> Iterator[bytes] | None:
        """Return a part in chunks, or None if any part of the blob has expired."""
        return self._read_part(blob, start, stop) if self._is_whole(blob) else None

    def copy(self, blob: Blob, *, seconds: int) -> Blob | None:
        """Copy the chunks inside Redis. Their hash is checked when the copy is read."""
        self._require_memory(blob.size)
        target, count = uuid.uuid4().hex, _count(blob)
        try:
            with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
                for number in range(count):
                    pipe.copy(_key(blob.id, number), _key(target, number))
                    pipe.expire(_key(target, number), seconds)
                is_whole = all(pipe.execute())
        except BaseException:
            self._unlink(target, count)
            raise
        if not is_whole:
            self._unlink(target, count)
            return None
        return Blob(id=target, size=blob.size, sha256=blob.sha256)

    def url_of(self, blob: Blob, *, seconds: int) -> str | None:  # noqa: ARG002
        """Return None, because Redis does not serve files."""
        return None

    def touch(self, blob: Blob, *, seconds: int) -> None:
        """Restart the blob's lifetime."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for number in range(_count(blob)):
                pipe.expire(_key(blob.id, number), seconds)
            pipe.execute()

    def delete(self, blob: Blob) -> None:
        """Remove the blob, if it exists."""
        with redis_errors():
            self._redis.unlink(*(_key(blob.id, number) for number in range(_count(blob))))

    def _open_only_chunk(self, blob: Blob) -> Iterator[bytes] | None:
        """Like `open`, for a blob of one chunk, in one command."""
        with redis_errors():
            chunk = cast("bytes | None", self._redis.get(_key(blob.id, 0)))
        if chunk is None:
            return None
        return _checked([chunk], blob)

    def _read(self, blob: Blob) -> Iterator[bytes]:
        return _checked((self._chunk(blob, number) for number in range(_count(blob))), blob)

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
            # Redis is down, which is probably why the write failed: the chunks will expire.
            return


def _checked(chunks: Iterable[bytes], blob: Blob) -> Iterator[bytes]:
    """Yield the chunks of a whole blob; the hash is verified before the last chunk."""
    digest = hashlib.sha256()
    for number, chunk in enumerate(chunks, start=1):
        digest.update(chunk)
        if number == _count(blob) and digest.hexdigest() != blob.sha256:
            raise StoreFaultError("A stored file is damaged.")
        yield chunk


def _rechunk(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield chunks of equal size, the last one shorter; an empty blob has one empty chunk."""
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
