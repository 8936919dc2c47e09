"""API keys: who may use the service, and for what. `python -m service.keys` manages them."""

from service.keys.key import ALL_SCOPES, ApiKey, Scope
from service.keys.store import KeyLimitError, KeyStore

__all__ = ["ALL_SCOPES", "ApiKey", "KeyLimitError", "KeyStore", "Scope"]
