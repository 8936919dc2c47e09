"""Sends one request to a receiver."""

import asyncio
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpcore

from service.errors import InvalidWebhookUrlError
from service.settings.webhooks import WebhookSettings
from service.webhooks.delivery import DeliveryAttempt
from service.webhooks.target import WebhookTarget
from service.webhooks.worker.guarded_network import (
    AddressNotAllowedError,
    GuardedNetwork,
    NameResolutionError,
    Resolver,
)

FORBIDDEN = frozenset({"address-refused", "url-refused"})
"""Errors that a retry cannot fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The response, or the reason why there was none."""

    attempt: DeliveryAttempt
    retry_after: int | None = None
    """Seconds that the receiver's `Retry-After` specifies."""


class WebhookSender:
    """Sends requests without proxies, cookies or redirects, any number concurrently."""

    def __init__(self, *, settings: WebhookSettings, resolver: Resolver) -> None:
        self._settings = settings
        self._resolver = resolver
        self._tls = ssl.create_default_context()

    async def send(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request; errors are returned as part of the answer.

        `timeout_seconds` covers everything from the name resolution to the response's headers, even
        if the receiver keeps sending single bytes.
        """
        at, began = time.time(), time.monotonic()
        status, retry_after, trouble = None, None, None
        try:
            # The address is checked every time, because DNS and settings may have changed since the
            # submission.
            target = WebhookTarget.parse(url, self._settings)
            async with asyncio.timeout(self._settings.timeout_seconds):
                status, retry_after = await self._post(target, headers, body)
        except InvalidWebhookUrlError:
            trouble = "url-refused"
        except AddressNotAllowedError:
            trouble = "address-refused"
        except NameResolutionError:
            trouble = "name-unknown"
        except (TimeoutError, httpcore.TimeoutException):
            trouble = "timeout"
        except (httpcore.NetworkError, OSError) as error:
            tls = any(isinstance(part, ssl.SSLError) for part in _causes(error))
            trouble = "tls-failed" if tls else "connection-failed"
        except httpcore.ProtocolError:
            trouble = "answer-malformed"
        attempt = DeliveryAttempt(
            at=round(at, 3),
            seconds=round(time.monotonic() - began, 3),
            status_code=status,
            error=trouble,
        )
        return Answer(attempt=attempt, retry_after=retry_after)

    async def _post(
        self, target: WebhookTarget, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, int | None]:
        network = GuardedNetwork(
            allowed=self._settings.allowed_networks,
            connect_seconds=self._settings.timeout_seconds,
            resolver=self._resolver,
        )
        url = httpcore.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        sent = {"Host": target.authority, "Content-Length": str(len(body)), **headers}
        async with (
            # Every request gets a new connection, because receivers must not share one.
            httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=network) as pool,
            pool.stream("POST", url, headers=list(sent.items()), content=body) as response,
        ):
            # The response's body is not used, and may be endless.
            asked = dict(response.headers).get(b"retry-after", b"").decode("latin-1")
            return response.status, int(asked) if asked.isdecimal() else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
