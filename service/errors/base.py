"""The root of the tree."""

from collections.abc import Mapping, Sequence


class ServiceError(Exception):
    """Root of the tree, and on its own the error that says nothing but "it is our fault".

    `detail` is shown to the client: it must not carry paths, addresses or a third party's text.
    """

    code: str = "internal-error"
    status: int = 500
    title: str = "Internal error"
    retryable: bool = False
    retry_after: int | None = None
    """Whole seconds for the `Retry-After` header."""

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
