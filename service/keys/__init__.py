"""API keys and their scopes. `hiir keys` manages them. Begin with `key`."""

from service.keys.key import ALL_SCOPES, ApiKey, Scope
from service.keys.store import KeyLimitError, KeyStore

__all__ = ["ALL_SCOPES", "ApiKey", "KeyLimitError", "KeyStore", "Scope"]
