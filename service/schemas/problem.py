"""Body of every error response."""

from typing import Self

from service.errors import ServiceError
from service.schemas.view import View

ERROR_CATALOGUE = "/docs/errors"
"""Path of the page that explains every code; a problem's `type` is an anchor on it."""


class Problem(View):
    """RFC 9457 problem details, the body of every error response."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    retryable: bool
    limit: int | str | None
    actual: int | str | None
    errors: list[dict[str, str]]

    @classmethod
    def of(cls, error: ServiceError, *, instance: str, request_id: str) -> Self:
        """Build the problem document of an error."""
        return cls(
            type=f"{ERROR_CATALOGUE}#{error.code}",
            title=error.title,
            status=error.status,
            detail=error.detail or error.title,
            instance=instance,
            code=error.code,
            request_id=request_id,
            retryable=error.retryable,
            limit=error.limit,
            actual=error.actual,
            errors=[dict(item) for item in error.errors],
        )
