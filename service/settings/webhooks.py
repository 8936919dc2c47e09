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
    """Timeout of one attempt as a whole, however slowly the receiver answers."""

    retry_seconds: tuple[PositiveFloat, ...] = (5, 30, 120, 600, 1800, 3600, 7200, 14_400)
    """Delays before the second attempt, the third and so on; after the last one the delivery
    fails."""

    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Random part of each delay, so that receivers do not get all retries at once after an
    outage."""

    poll_seconds: PositiveFloat = 0.5
    """Interval at which due deliveries are polled."""

    in_flight: PositiveInt = 256
    """Deliveries that one process sends at once."""

    tenant_in_flight: PositiveInt = 32
    """Deliveries of one tenant that are sent at once."""

    receiver_in_flight: PositiveInt = 8
    """Deliveries of one tenant to one host and port that are sent at once."""

    breaker_failures: PositiveInt = 5
    """Attempts in a row without a response after which a receiver is left alone for a while."""

    breaker_seconds: PositiveFloat = 30
    """For how long; then one delivery is tried. Each failure doubles the time."""

    longest_breaker_seconds: PositiveFloat = 600
    """Longest time that a receiver is left alone."""

    redeliveries_per_minute: PositiveInt = 30
    """Redeliveries that a tenant may ask for in a minute."""

    gone_seconds: PositiveInt = 86_400
    """How long nothing is sent to an address that answered 410, unless its owner asks."""

    rotation_seconds: PositiveInt = 86_400
    """How long the previous secret signs beside the new one after a rotation."""
