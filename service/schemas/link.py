"""Bodies about links to results."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from service.jobs.links import MAX_LINK_SECONDS
from service.schemas.view import View


class LinkRequest(BaseModel):
    """How long a link is to work."""

    model_config = ConfigDict(extra="forbid")

    ttl: Annotated[int, Field(ge=1, le=MAX_LINK_SECONDS)] = 300
    """Lifetime in seconds; the link never works for longer than the result is kept."""


class LinkView(View):
    """A link to a result, which needs no key."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "url": "/v1/results/5f0c1a2b3c4d5e6f708192a3b4c5d6e7.1767268800.20454.oG3e",
                "expires_at": "2026-01-01T12:00:00Z",
            }
        }
    )

    url: str
    expires_at: datetime
