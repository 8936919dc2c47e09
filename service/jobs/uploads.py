"""Presigned uploads: a client sends a file to the bucket itself, and then names it in a job.

    reserve ──> the client PUTs the file ──> take ──> the job gets a copy

The URL limits neither the size nor the hash of the file, and can be used again until it expires.
The file is therefore checked when a job takes it, and the job gets a copy that the URL cannot
change. The uploaded object expires whether or not it was used.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, cast

import redis

from service.errors import (
    ServiceError,
    TooManyUploadsError,
    UploadExpiredError,
    UploadMismatchError,
    UploadMissingError,
    UploadNotFoundError,
    UploadsNotConfiguredError,
    UploadUsedError,
)
from service.jobs.bucket import Bucket
from service.jobs.expiry_index import ExpiryIndex
from service.jobs.stored_image import Blob
from service.redis_connection import connect, read_lua, redis_errors, redis_time
from service.settings import RedisDatabase, Settings

_FOLDER = "uploads"
_KEPT_SECONDS = 600
"""Seconds that an object outlives its URL, for a transfer or a job that began just before."""
_KNOWN_SECONDS = 86_400
"""Seconds for which the record of an expired upload is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresignedUpload:
    """URL and deadline of an upload that a client sends to the bucket."""

    id: str
    url: str
    headers: Mapping[str, str]
    """Headers that the client's `PUT` must have."""
    expires_at: float
    """Seconds since the epoch."""


class UploadStore:
    """Presigned uploads; thread-safe.

    Every method raises `UploadsNotConfiguredError` if there is no bucket, and
    `StoreUnavailableError` if the bucket or Redis does not answer.
    """

    def __init__(
        self,
        *,
        client: redis.Redis,
        index: ExpiryIndex,
        open_bucket: Callable[[], Bucket] | None,
        seconds: int,
        most: int,
    ) -> None:
        self._redis = client
        self._index = index
        self._open_bucket = open_bucket
        self._seconds = seconds
        self._most = most
        self._take = client.register_script(read_lua("service.jobs", "take_upload"))
        self._release = client.register_script(read_lua("service.jobs", "release_upload"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "UploadStore":
        """Build the store on the state database, and on the bucket if the settings name one."""
        url = settings.database_url(RedisDatabase.STATE)
        bucket = settings.bucket
        return cls(
            client=connect(url, decode_responses=True),
            index=ExpiryIndex.from_settings(settings),
            open_bucket=None if bucket.url is None else lambda: Bucket(bucket),
            seconds=bucket.upload_seconds,
            most=settings.tenants.open_uploads,
        )

    @cached_property
    def _bucket(self) -> Bucket:
        if self._open_bucket is None:
            raise UploadsNotConfiguredError(
                "This service takes no presigned uploads: send the file with POST /v1/jobs."
            )
        return self._open_bucket()

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
        self._index.close()

    def reserve(self, *, tenant: str, size: int, sha256: str, media_type: str) -> PresignedUpload:
        """Reserve an upload of `size` bytes with this hash (lowercase hex).

        Raises:
            TooManyUploadsError: if the tenant has the maximum number of unexpired uploads.
        """
        bucket, upload_id = self._bucket, uuid.uuid4().hex
        now = redis_time(self._redis)
        expires_at = now + self._seconds
        self._admit(tenant, upload_id, now=now, expires_at=expires_at)
        with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(
                _key(upload_id),
                mapping={
                    "tenant": tenant,
                    "size": size,
                    "sha256": sha256,
                    "expires_at": repr(expires_at),
                },
            )
            pipe.expire(_key(upload_id), self._seconds + _KNOWN_SECONDS)
            pipe.execute()
        self._index.enter(_object(upload_id), seconds=self._seconds + _KEPT_SECONDS)
        return PresignedUpload(
            id=upload_id,
            url=bucket.sign("PUT", _object(upload_id), seconds=self._seconds),
            headers={"Content-Type": media_type, "Content-Length": str(size)},
            expires_at=expires_at,
        )

    def _admit(self, tenant: str, upload_id: str, *, now: float, expires_at: float) -> None:
        key = f"hiir:uploads:{tenant}"
        with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.zremrangebyscore(key, "-inf", now)
            pipe.zadd(key, {upload_id: expires_at})
            pipe.expire(key, self._seconds)
            pipe.zcard(key)
            pipe.zrange(key, 0, 0, withscores=True)
            *_, count, first = pipe.execute()
            if count > self._most:
                pipe.zrem(key, upload_id)
                pipe.execute()
        if count > self._most:
            raise TooManyUploadsError(
                f"{count - 1} presigned uploads wait for their jobs or for their end.",
                limit=self._most,
                actual=count - 1,
                retry_after=max(1, int(first[0][1] - now)),
            )

    @contextmanager
    def taken(
        self, upload_id: str, *, tenant: str, job_id: str | None, into: BinaryIO
    ) -> Iterator[Blob]:
        """Check an upload, fetch its file, and hold it for the job that the block creates.

        If the block raises, another job may use the upload. Without a job id, the upload is not
        held.

        Raises:
            UploadNotFoundError: if the tenant has no upload with this id.
            UploadExpiredError: if it has expired.
            UploadUsedError: if another job has used it.
            UploadMissingError: if no file was sent.
            UploadMismatchError: if the file has another size or hash than announced.
        """
        announced = self._find(upload_id, tenant)
        if job_id is not None:
            self._hold(upload_id, job_id)
        try:
            self._fetch(announced, into)
            yield announced
        except BaseException:
            if job_id is not None:
                with suppress(ServiceError), redis_errors():
                    self._release(keys=[_key(upload_id)], args=[job_id])
            raise
        with suppress(ServiceError), redis_errors():  # otherwise the upload counts until it expires
            if job_id is not None:
                self._redis.zrem(f"hiir:uploads:{tenant}", upload_id)

    def _find(self, upload_id: str, tenant: str) -> Blob:
        """Return the upload's announced size and hash."""
        _ = self._bucket
        with redis_errors():
            fields = cast("Mapping[str, str]", self._redis.hgetall(_key(upload_id)))
        if not fields or fields["tenant"] != tenant:
            raise UploadNotFoundError(
                "No upload has this id, or its record has expired.", actual=upload_id[:100]
            )
        late = redis_time(self._redis) - float(fields["expires_at"])
        if late > 0:
            raise UploadExpiredError(
                f"The upload could be used for {self._seconds} seconds, and expired {late:.0f} "
                "seconds ago: ask for another one.",
                limit=self._seconds,
                actual=int(self._seconds + late),
            )
        return Blob(id=_object(upload_id), size=int(fields["size"]), sha256=fields["sha256"])

    def _hold(self, upload_id: str, job_id: str) -> None:
        with redis_errors():
            holder = self._take(keys=[_key(upload_id)], args=[job_id])
        if holder != job_id:
            raise UploadUsedError(
                "The upload was used for another job: ask for another one.", actual=upload_id
            )

    def _fetch(self, announced: Blob, into: BinaryIO) -> None:
        size = self._bucket.size_of(announced.id)
        if size is None:
            raise UploadMissingError("No file has been sent to the URL of the upload.")
        if size != announced.size:
            raise UploadMismatchError(
                f"The upload was announced with {announced.size} bytes and has {size}.",
                limit=announced.size,
                actual=size,
            )
        digest = hashlib.sha256()
        for piece in self._bucket.read(announced.id, start=0, stop=size) or ():
            digest.update(piece)
            into.write(piece)
        into.flush()
        if digest.hexdigest() != announced.sha256:
            raise UploadMismatchError(
                "The SHA-256 of the upload is not the one that was announced.",
                limit=announced.sha256,
                actual=digest.hexdigest(),
            )


def _key(upload_id: str) -> str:
    return f"hiir:upload:{upload_id}"


def _object(upload_id: str) -> str:
    return f"{_FOLDER}/{upload_id}"
