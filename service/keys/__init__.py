"""API keys: who may use the service, and for what. `python -m service.keys` manages them."""

from service.keys.key import ALL_SCOPES, ApiKey, Scope
from service.keys.store import KeyStore, TooManyKeysError

__all__ = ["ALL_SCOPES", "ApiKey", "KeyStore", "Scope", "TooManyKeysError"]
