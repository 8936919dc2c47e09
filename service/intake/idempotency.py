"""Idempotency keys: one record for each key that a client has sent.

    begin ──> accept the job ──> complete        the answer is stored and replayed
         ├──> refused or unavailable ──> abandon    the key can be used again
         └──> unknown whether it exists ──> release  the next request resumes it

The record holds the job's id from the start: a retry that resumes an interrupted submission creates
the same job, or finds it.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import redis

from service.errors import IdempotencyKeyReusedError, SubmissionInProgressError
from service.redis_connection import connect, read_lua, redis_errors
from service.settings import RedisDatabase, Settings
from service.settings.jobs import JobSettings

_STALE_SECONDS = 60
"""A submission without progress for this many seconds belongs to a process that died."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claimed key: the submission may continue, or has been answered before."""

    record: str
    job_id: str
    answer: str | None = None


class IdempotencyStore:
    """Idempotency records. Every method raises `StoreUnavailableError` while Redis is down."""

    def __init__(self, *, client: redis.Redis, settings: JobSettings) -> None:
        self._redis = client
        self._seconds = settings.idempotency_seconds
        self._begin = client.register_script(read_lua("service.intake", "begin"))
        self._complete = client.register_script(read_lua("service.intake", "complete"))
        self._release = client.register_script(read_lua("service.intake", "release"))
        self._abandon = client.register_script(read_lua("service.intake", "abandon"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "IdempotencyStore":
        """Build the store on the state database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True), settings=settings.jobs)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def begin(self, *, tenant: str, key: str, fingerprint: str, job_id: str) -> Claim:
        """Claim the key for this submission, or return its earlier answer.

        Raises:
            IdempotencyKeyReusedError: if the key was used for another submission.
            SubmissionInProgressError: while the first submission with this key is in progress.
            StoreUnavailableError: if Redis does not answer.
        """
        record = _record(tenant, key)
        with redis_errors():
            reply = self._begin(
                keys=[record], args=[fingerprint, job_id, _STALE_SECONDS, self._seconds]
            )
        match cast("list[str | None]", reply):
            case [str(owner)]:
                return Claim(record=record, job_id=owner)
            case [str(owner), str(answer)]:
                return Claim(record=record, job_id=owner, answer=answer)
            case [_, "reused"]:
                raise IdempotencyKeyReusedError(
                    "This idempotency key was used for another submission."
                )
            case _:
                raise SubmissionInProgressError(
                    "The first submission with this idempotency key is still in progress."
                )

    def complete(self, claim: Claim, answer: str) -> None:
        """Store the answer for replays."""
        with redis_errors():
            self._complete(keys=[claim.record], args=[claim.job_id, answer, self._seconds])

    def release(self, claim: Claim) -> None:
        """Let the next request with this key resume the submission, with the same job's id."""
        with redis_errors():
            self._release(keys=[claim.record], args=[claim.job_id])

    def abandon(self, claim: Claim) -> None:
        """Release the key, unless it was answered; the client may retry or change the request."""
        with redis_errors():
            self._abandon(keys=[claim.record], args=[claim.job_id])


def fingerprint_of(parameters: Iterable[tuple[str, str]], pieces: Iterable[bytes]) -> str:
    """Return the SHA-256 of a submission's parameters, in any order, and its files, in hex."""
    digest = hashlib.sha256()
    for name, value in sorted(parameters):
        for text in (name, value):
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
    digest.update(b"\0file")
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _record(tenant: str, key: str) -> str:
    # Hashed for a fixed length, and so that no client's text is in a Redis key.
    return "hiir:idempotency:" + hashlib.sha256(f"{tenant}\0{key}".encode()).hexdigest()
