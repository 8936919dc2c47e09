"""A webhook's receiver, which answers as it is told: a real HTTP server in a thread."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(kw_only=True)
class Receiver:
    """What came in, and what is answered: one status a request, the last one for ever."""

    url: str
    statuses: list[int] = field(default_factory=lambda: [204])
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0
    drip: bool = False
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.received]


@contextmanager
def receiving(host: str = "127.0.0.2") -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            named = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append((named, body))
            status = receiver.statuses[min(len(receiver.received), len(receiver.statuses)) - 1]
            time.sleep(receiver.delay_s)
            if receiver.drip:
                self._drip()
                return
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def _drip(self) -> None:
            """A header without end, a byte at a time."""
            self.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
            for _ in range(100):
                try:
                    self.wfile.write(b"y")
                except OSError:
                    return
                time.sleep(0.05)

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the sender has hung up
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer((host, 0), Handler) as server:
        receiver = Receiver(url=f"http://{host}:{server.server_port}/hook?of=mine")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
