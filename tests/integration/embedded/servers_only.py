"""The command line of the stack with stand-ins for workers and API: its real servers alone."""

import sys

from service.embedded import __main__, stack
from service.embedded.supervisor import Component


async def _always() -> bool:
    return True


def _stand_in(name: str) -> Component:
    command = (sys.executable, "-c", "import time; time.sleep(600)")
    return Component(name=name, address="nowhere", is_ready=_always, command=command)


if __name__ == "__main__":
    stack._worker = lambda settings, environment: _stand_in("worker")
    stack._webhooks = lambda environment: _stand_in("webhooks")
    stack._api = lambda addresses, environment: _stand_in("api")
    sys.exit(__main__.main())
