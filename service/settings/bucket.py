"""Settings of the bucket for the bytes of images."""

import re
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)

_BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")
_ENDPOINT = re.compile(r"https?://[^/?#@]+")


class BucketSettings(BaseModel):
    """A bucket of S3, or of a store that speaks its protocol, for the bytes of images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    """`s3://bucket/prefix`.

    Without a bucket, Redis also keeps the images, and there are no presigned uploads.
    """

    endpoint: str | None = None
    """`https://host:port` of a store other than AWS."""

    public_endpoint: str | None = None
    """URL of the same store for clients, used in the URLs that they get; `endpoint` by default."""

    region: str | None = None

    access_key_id: str | None = None
    """Used with `secret_access_key`; by default the standard AWS variables and the machine's role.
    """

    secret_access_key: SecretStr | None = None

    redirects: bool = False
    """Whether a signed link to a result redirects to the bucket (303).

    Otherwise the API returns the bytes.
    """

    redirect_seconds: PositiveInt = 300
    """Seconds for which the URL of such a redirect is valid."""

    upload_seconds: Annotated[int, Field(ge=1, le=604_800)] = 3600
    """Seconds for which a presigned URL accepts a file, which can then be used for a job.

    S3 signs for at most seven days.
    """

    sweep_seconds: PositiveFloat = 5
    """Interval at which the API deletes expired objects, in seconds."""

    @field_validator("url")
    @classmethod
    def _is_bucket(cls, value: str | None) -> str | None:
        if value is not None and not _BUCKET.fullmatch(value):
            raise ValueError("must look like s3://bucket or s3://bucket/prefix")
        return value

    @field_validator("endpoint", "public_endpoint")
    @classmethod
    def _is_endpoint(cls, value: str | None) -> str | None:
        if value is not None and not _ENDPOINT.fullmatch(value.rstrip("/")):
            raise ValueError("must look like https://host:port, without a path or credentials")
        return None if value is None else value.rstrip("/")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key are given together or not at all")
        return self

    @property
    def location(self) -> tuple[str, str]:
        """Name of the bucket, and the prefix of all objects without slashes at its ends."""
        found = _BUCKET.fullmatch(self.url or "")
        if found is None:
            raise AssertionError("there is no bucket")
        return found[1], (found[2] or "").strip("/")
