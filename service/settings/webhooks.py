"""Settings of the delivery of webhooks."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt


class WebhookSettings(BaseModel):
    """Delivery of webhooks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    require_https: bool = True

    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Private networks that webhooks may reach; all others are refused."""

    timeout_seconds: PositiveFloat = 10
    """Timeout of a whole attempt in seconds, however slowly the receiver answers."""

    retry_seconds: tuple[PositiveFloat, ...] = (5, 30, 120, 600, 1800, 3600, 7200, 14_400)
    """Seconds before the second attempt, the third and so on.

    After the last attempt the delivery fails.
    """

    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Random share of each delay, so that receivers do not get all retries at once after an outage.
    """

    poll_seconds: PositiveFloat = 0.5
    """Interval at which due deliveries are polled."""

    in_flight: PositiveInt = 256
    """Maximum number of deliveries that one process sends concurrently."""

    tenant_in_flight: PositiveInt = 32
    """Maximum number of deliveries of one tenant that are sent concurrently."""

    receiver_in_flight: PositiveInt = 8
    """Maximum number of deliveries of one tenant to one host and port that are sent concurrently.
    """

    breaker_failures: PositiveInt = 5
    """Consecutive attempts without a response after which sending to a receiver is paused."""

    breaker_seconds: PositiveFloat = 30
    """Seconds of this pause; then one delivery is tried. Each failure doubles the time."""

    longest_breaker_seconds: PositiveFloat = 600
    """Maximum seconds of this pause."""

    redeliveries_per_minute: PositiveInt = 30
    """Maximum number of redeliveries that a tenant may request per minute."""

    gone_seconds: PositiveInt = 86_400
    """Seconds for which nothing is sent to an address after a 410, unless its owner requests it."""

    rotation_seconds: PositiveInt = 86_400
    """Seconds for which the previous secret also signs after a rotation."""
