"""A TCP proxy that passes on the first bytes of a response and then closes the connection."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class CuttingProxy:
    """`limits` has the bytes of the response for each connection in turn; None passes on all."""

    def __init__(self, address: tuple[str, int], limits: list[int | None]) -> None:
        self._address = address
        self._limits = limits
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut = 0
        """Connections that were cut."""

    def run(self) -> None:
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                caller, _ = self._listener.accept()
                limit = self._limits.pop(0) if self._limits else None
                threading.Thread(target=self._serve, args=(caller, limit), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, caller: socket.socket, limit: int | None) -> None:
        with caller, socket.create_connection(self._address) as service:
            threading.Thread(target=self._upload, args=(caller, service), daemon=True).start()
            left = limit
            with contextlib.suppress(OSError):
                while content := service.recv(65_536):
                    caller.sendall(content if left is None else content[:left])
                    if left is not None and (left := left - len(content)) <= 0:
                        self.cut += 1
                        break
                caller.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _upload(caller: socket.socket, service: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := caller.recv(65_536):
                service.sendall(content)


@contextmanager
def cutting_proxy(address: tuple[str, int], *limits: int | None) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(address, list(limits))
    threading.Thread(target=proxy.run, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.close()
