"""Claims due deliveries and sends them concurrently, in one event loop."""

import asyncio
import logging
import time

from service.errors import ServiceError, StoreUnavailableError
from service.settings.webhooks import WebhookSettings
from service.webhooks.delivery import Delivery
from service.webhooks.store import DeliveryStore
from service.webhooks.worker.deliverer import WebhookDeliverer

logger = logging.getLogger(__name__)

_LIVE_SECONDS = 15.0
_BEAT_SECONDS = 5.0


class Dispatcher:
    """Sends due deliveries, up to `in_flight` concurrently, and reports a heartbeat.

    The claim (`lua/claim_due.lua`) enforces the limits per tenant and per receiver, so that slow
    receivers never block the others.
    """

    def __init__(
        self,
        *,
        name: str,
        deliveries: DeliveryStore,
        deliverer: WebhookDeliverer,
        settings: WebhookSettings,
    ) -> None:
        self._name = name
        self._deliveries = deliveries
        self._deliverer = deliverer
        self._settings = settings
        self._sending: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self._next_beat = 0.0
        self._away = False

    def stop(self) -> None:
        """Stop claiming; `run` returns when the requests in flight have ended."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Send until `stop` is called."""
        while not self._stopping:
            # This comes before the claim: a delivery that ends during the claim must not be missed.
            self._wake.clear()
            claimed = await self._poll()
            for delivery in claimed:
                task = asyncio.create_task(self._send(delivery))
                self._sending.add(task)
                task.add_done_callback(self._end)
            if not claimed and not self._stopping:
                await self._pause()
        if self._sending:
            await asyncio.wait(self._sending)

    async def _poll(self) -> list[Delivery]:
        """Report the heartbeat, and claim due deliveries."""
        room = self._settings.in_flight - len(self._sending)
        try:
            if time.monotonic() >= self._next_beat:
                await asyncio.to_thread(self._deliveries.beat, self._name, seconds=_LIVE_SECONDS)
                self._next_beat = time.monotonic() + _BEAT_SECONDS
            found = await asyncio.to_thread(self._deliveries.claim_due, count=room) if room else []
        except ServiceError as error:
            if not self._away:
                unavailable = isinstance(error, StoreUnavailableError)
                logger.warning("Redis is not available" if unavailable else f"claim: {error.code}")
            self._away = True
            return []
        self._away = False
        return found

    async def _send(self, delivery: Delivery) -> None:
        try:
            await self._deliverer.deliver(delivery)
        except ServiceError as error:
            logger.warning("delivery postponed: %s", error.code)
        except Exception:  # an error must not end other deliveries; this one is due again later
            logger.exception("delivery %s failed", delivery.id)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._wake.set()

    async def _pause(self) -> None:
        """Wait until a delivery has ended, for at most `poll_seconds`."""
        try:
            async with asyncio.timeout(self._settings.poll_seconds):
                await self._wake.wait()
        except TimeoutError:
            return
