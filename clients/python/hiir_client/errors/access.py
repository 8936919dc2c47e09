"""Errors of API keys."""

from hiir_client.errors.base import ApiError


class AccessError(ApiError):
    """The API key does not allow the request, or there is none."""


class KeyMissingError(AccessError):
    """The request has no API key."""

    code = "key-missing"


class KeyInvalidError(AccessError):
    """The API key is unknown, revoked or expired."""

    code = "key-invalid"


class ScopeMissingError(AccessError):
    """The API key is valid but lacks the required scope."""

    code = "scope-missing"


class LinkInvalidError(AccessError):
    """The link to a result was changed, or has expired."""

    code = "link-invalid"


class OpenModeError(AccessError):
    """API keys can be managed only where the service requires them."""

    code = "open-mode"


class ForeignRequestError(AccessError):
    """The service runs without API keys, for this machine alone, and the request is not its own."""

    code = "foreign-request"
