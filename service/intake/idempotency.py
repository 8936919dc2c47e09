"""Which submissions were made already: one record for each key that a client gave.

    begin ──> accept the job ──> complete        the answer is kept and given again
         └──> refused, or a server is away ──> abandon       as if it had never been asked

The job's id is chosen when a key is first used, and stands in its record: whoever takes up a
submission that was cut off makes the same job again, or finds it made.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import redis

from service.errors import IdempotencyKeyReusedError, SubmissionInProgressError
from service.redis_connection import connect, read_lua, redis_errors
from service.settings import JobSettings, RedisDatabase, Settings

_STALE_SECONDS = 60
"""A submission whose process has said nothing for so long has died with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A submission that may go on, or the answer that it had."""

    record: str
    job_id: str
    answer: str | None = None


class IdempotencyStore:
    """Records in the jobs' database. Every method raises `StoreUnavailableError` without Redis."""

    def __init__(self, *, client: redis.Redis, settings: JobSettings) -> None:
        self._redis = client
        self._seconds = settings.idempotency_seconds
        self._begin = client.register_script(read_lua("service.intake", "begin"))
        self._complete = client.register_script(read_lua("service.intake", "complete"))
        self._abandon = client.register_script(read_lua("service.intake", "abandon"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "IdempotencyStore":
        """The records beside the jobs."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True), settings=settings.jobs)

    def close(self) -> None:
        """Drop the connections."""
        self._redis.close()

    def begin(self, *, tenant: str, key: str, fingerprint: str, job_id: str) -> Claim:
        """Take the key for this submission, or find the answer that it was given before.

        Raises `IdempotencyKeyReusedError` if it was another submission's, and
        `SubmissionInProgressError` while the first with this key is under way.
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
                raise IdempotencyKeyReusedError("This key was sent with another submission.")
            case _:
                raise SubmissionInProgressError("The first submission with this key is under way.")

    def complete(self, claim: Claim, answer: str) -> None:
        """Keep the answer for whoever sends the same again."""
        with redis_errors():
            self._complete(keys=[claim.record], args=[claim.job_id, answer, self._seconds])

    def abandon(self, claim: Claim) -> None:
        """Forget the submission, unless it was answered: it may be sent again, and changed."""
        with redis_errors():
            self._abandon(keys=[claim.record], args=[claim.job_id])


def fingerprint_of(parameters: Iterable[tuple[str, str]], pieces: Iterable[bytes]) -> str:
    """SHA-256 of what makes a submission: its parameters in any order, and its file."""
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
    # Of a fixed length, and nothing of a client's in the name of a key.
    return "hiir:idempotency:" + hashlib.sha256(f"{tenant}\0{key}".encode()).hexdigest()
