"""Authentication and authorization errors (401, 403), and errors of API keys."""

from service.errors.base import ServiceError

_CHALLENGE = 'Bearer realm="hiir"'


class AccessDeniedError(ServiceError):
    """The client may not make this request."""

    code, status, title = "access-denied", 401, "Access denied"

    @property
    def challenge(self) -> str | None:
        """Value of the `WWW-Authenticate` header (RFC 6750); None if no key would help."""
        return _CHALLENGE


class KeyMissingError(AccessDeniedError):
    """The request has no API key."""

    code, title = "key-missing", "API key required"


class KeyInvalidError(AccessDeniedError):
    """The API key is unknown, revoked or expired."""

    code, title = "key-invalid", "Invalid API key"

    @property
    def challenge(self) -> str:
        """Add the error code for an invalid token."""
        return f'{_CHALLENGE}, error="invalid_token"'


class ScopeMissingError(AccessDeniedError):
    """The API key is valid but lacks the required scope."""

    code, status, title = "scope-missing", 403, "Insufficient scope"

    @property
    def challenge(self) -> str:
        """Add the error code and the required scope."""
        return f'{_CHALLENGE}, error="insufficient_scope", scope="{self.limit}"'


class OpenModeError(AccessDeniedError):
    """API keys can be managed only where the service requires them."""

    code, status, title = "open-mode", 403, "API keys are disabled"
    challenge = None


class ForeignRequestError(AccessDeniedError):
    """The service runs without API keys, for this machine alone, and the request is not its own."""

    code, status, title = "foreign-request", 403, "Request from elsewhere"
    challenge = None


class LinkInvalidError(AccessDeniedError):
    """The link to a result was not made by the service, or has expired."""

    code, status, title = "link-invalid", 403, "Link invalid"
    challenge = None


class KeyStateError(ServiceError):
    """The operation on an API key is not possible."""

    code, status, title = "key-problem", 409, "API key error"


class KeyNotFoundError(KeyStateError):
    """The tenant has no live key with this id."""

    code, status, title = "key-not-found", 404, "API key not found"


class TooManyKeysError(KeyStateError):
    """The tenant has the maximum number of live keys."""

    code, title = "too-many-keys", "Too many API keys"
