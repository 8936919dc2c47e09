"""Bodies about presigned uploads."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from service.schemas.view import View

_EXAMPLE_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class UploadRequest(BaseModel):
    """The file that a client wants to send."""

    model_config = ConfigDict(extra="forbid")

    size: Annotated[int, Field(ge=1)]
    """Size in bytes; at most that of a request body."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=[_EXAMPLE_HASH])]
    """SHA-256 of the bytes, lowercase hex."""

    content_type: Annotated[
        str, Field(pattern=r"^(image/[a-z0-9.+-]{1,60}|application/octet-stream)$")
    ] = "application/octet-stream"


class UploadView(View):
    """Where to send the file."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "upload_id": "5f0c1a2b3c4d5e6f708192a3b4c5d6e7",
                "url": "https://s3.example.com/photos/uploads/5f0c1a2b?X-Amz-Signature=9e1c",
                "headers": {"Content-Type": "image/jpeg", "Content-Length": "2400000"},
                "expires_at": "2026-01-01T12:00:00Z",
            }
        }
    )

    upload_id: str
    url: str
    """URL of the bucket for a `PUT` with the file as its body, without an API key."""
    headers: dict[str, str]
    """Headers of this `PUT`."""
    expires_at: datetime
    """Time until which the URL is valid; the job must be submitted before."""
