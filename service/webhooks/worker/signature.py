"""Signatures of Standard Webhooks: HMAC-SHA256 over id, timestamp and body, one for each secret."""

import base64
import hmac
from collections.abc import Sequence

from service.webhooks.secrets import read_secret


def sign(secrets: Sequence[str], *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: one `v1,<base64>` per secret, separated by spaces.

    The signature covers the timestamp, so that receivers can reject replays.
    """
    content = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return " ".join(
        "v1," + base64.b64encode(hmac.digest(read_secret(secret), content, "sha256")).decode()
        for secret in secrets
    )
