"""Settings of requests from pages of other origins."""

import re

from pydantic import BaseModel, ConfigDict, NonNegativeInt, field_validator

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")


class CorsSettings(BaseModel):
    """Which pages of other origins may use the API, with a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origins: tuple[str, ...] = ()
    """Allowed origins, such as `https://photos.example.com`; none by default."""

    max_age_seconds: NonNegativeInt = 600
    """Seconds for which a browser caches the answer to a preflight request."""

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is not an origin: write scheme://host or scheme://host:port, "
                    "in lowercase and without a path; `*` is not accepted"
                )
        return value
