"""Health check of a webhook worker's container: `python -m service.webhooks.worker.health`."""

import sys

from service.errors import ServiceError
from service.settings import Settings
from service.webhooks.store import DeliveryStore
from service.webhooks.worker.app import sender_name


def main() -> int:
    """Return exit status 0 if the webhook worker of this host is alive."""
    deliveries = DeliveryStore.from_settings(Settings())
    try:
        return 0 if deliveries.is_live(sender_name()) else 1
    except ServiceError:
        return 1
    finally:
        deliveries.close()


if __name__ == "__main__":
    sys.exit(main())
