"""What a service asks of Redis: commands of clients and of scripts, bytes, and time."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis import Redis


@dataclass(kw_only=True)
class Commands:
    """Commands that Redis was sent meanwhile, and those that scripts ran inside it."""

    sent: Counter[str] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)


@contextmanager
def counting(url: str) -> Iterator[Commands]:
    """Count all commands around the block, by MONITOR, which slows Redis down."""
    found, over = Commands(), "hiir-load-is-over"
    started = threading.Event()

    def listen(redis: "Redis[str]") -> None:
        with redis.monitor() as monitor:
            started.set()
            for entry in monitor.listen():
                command = str(entry["command"])
                if over in command:
                    return
                inside = entry["client_type"] == "lua"
                (found.inside if inside else found.sent)[command.split(" ", 1)[0].upper()] += 1

    with Redis.from_url(url, decode_responses=True) as redis, Redis.from_url(url) as teller:
        listener = threading.Thread(target=listen, args=(redis,), daemon=True)
        listener.start()
        started.wait()
        try:
            yield found
        finally:
            teller.echo(over)
            listener.join()


@dataclass(frozen=True, kw_only=True)
class Use:
    """Counters of a server; differences are those of a time span."""

    bytes_in: int
    bytes_out: int
    memory: int
    calls: Mapping[str, tuple[int, float]]
    """Calls and microseconds by command."""

    @classmethod
    def read(cls, redis: "Redis[Any]") -> "Use":
        info = redis.info("all")
        return cls(
            bytes_in=info["total_net_input_bytes"],
            bytes_out=info["total_net_output_bytes"],
            memory=info["used_memory"],
            calls={
                name.removeprefix("cmdstat_"): (entry["calls"], entry["usec"])
                for name, entry in info.items()
                if name.startswith("cmdstat_")
            },
        )

    def script_microseconds(self, before: "Use") -> float:
        """Mean time of a script's call since then."""
        now, then = (each.calls.get("evalsha", (0, 0.0)) for each in (self, before))
        return (now[1] - then[1]) / max(now[0] - then[0], 1)
