"""Health check of a worker's container: `python -m service.worker.health`.

It checks the heartbeat that the worker writes while its event loop runs and is connected to the
broker. A process that exists but does not run its event loop is unhealthy.
"""

import socket
import sys

from service.errors import ServiceError
from service.jobs.store import JobStore
from service.settings import Settings


def main() -> int:
    """Return exit status 0 if the worker of this host is alive."""
    jobs = JobStore.from_settings(Settings())
    try:
        return 0 if jobs.is_live(f"celery@{socket.gethostname()}") else 1
    except ServiceError:
        return 1
    finally:
        jobs.close()


if __name__ == "__main__":
    sys.exit(main())
