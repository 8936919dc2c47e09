"""Who asks may not: 401 without a good key, 403 with one that does not allow it; and keys."""

from service.errors.base import ServiceError


class AccessDeniedError(ServiceError):
    """Who asks may not."""

    code, status, title = "access-denied", 401, "Access denied"

    @property
    def challenge(self) -> str:
        """The `WWW-Authenticate` header, in the words of RFC 6750."""
        return 'Bearer realm="hiir"'


class KeyMissingError(AccessDeniedError):
    """No key came with the request."""

    code, title = "key-missing", "A key is needed"


class KeyInvalidError(AccessDeniedError):
    """The key is not one of this service, or was revoked, or its time is over."""

    code, title = "key-invalid", "Not a valid key"

    @property
    def challenge(self) -> str:
        """Says that another token is wanted."""
        return f'{super().challenge}, error="invalid_token"'


class ScopeMissingError(AccessDeniedError):
    """The key is good, but does not allow this."""

    code, status, title = "scope-missing", 403, "The key does not allow this"

    @property
    def challenge(self) -> str:
        """Names the scope that is wanted."""
        return f'{super().challenge}, error="insufficient_scope", scope="{self.limit}"'


class OpenModeError(AccessDeniedError):
    """Keys are managed only where they are asked for."""

    code, status, title = "open-mode", 403, "No keys here"


class KeyStateError(ServiceError):
    """What was asked of a key cannot be given."""

    code, status, title = "key-problem", 409, "The key cannot do that"


class KeyNotFoundError(KeyStateError):
    """The tenant has no live key with this id."""

    code, status, title = "key-not-found", 404, "No such key"


class TooManyKeysError(KeyStateError):
    """The tenant has as many live keys as one may have."""

    code, title = "too-many-keys", "Too many keys"
