"""The root of the error tree."""

from collections.abc import Mapping, Sequence


class ServiceError(Exception):
    """Root of the tree; raised itself, it is an internal error without details.

    `detail` is shown to the client: it must not contain paths, addresses or a third party's text.
    """

    code: str = "internal-error"
    status: int = 500
    title: str = "Internal error"
    retryable: bool = False
    retry_after: int | None = None
    """Seconds for the `Retry-After` header."""

    def __init__(
        self,
        detail: str = "",
        *,
        limit: int | str | None = None,
        actual: int | str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.limit = limit
        self.actual = actual
        self.errors = tuple(errors)
        if retry_after is not None:
            self.retry_after = retry_after
