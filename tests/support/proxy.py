"""The network before a server, in threads of its own: it carries, or it swallows."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """Carries bytes between its own port and another, each `delay` seconds late.

    While it swallows, what either side sends is lost and nobody is told, as behind a firewall that
    drops; a connection that has lost something never carries again.
    """

    target: int
    delay: float = 0.0
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _carries: threading.Event = field(default_factory=threading.Event)
    _open: set[socket.socket] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._carries.set()
        _thread(self._accept)

    @property
    def port(self) -> int:
        """Where clients find it."""
        port: int = self.listener.getsockname()[1]
        return port

    def swallow(self) -> None:
        """From now on nothing comes through, nor is it refused."""
        self._carries.clear()

    def carry(self) -> None:
        """Carry again."""
        self._carries.set()

    def close(self) -> None:
        """End everything."""
        self._carries.set()
        for each in (self.listener, *self._open):
            _shut(each)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self._open.add(client)
                _thread(self._join, client)

    def _join(self, client: socket.socket) -> None:
        self._carries.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            _shut(client)
            return
        self._open.add(server)
        _thread(self._pump, client, server)
        self._pump(server, client)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        lost = False
        with suppress(OSError):
            while data := source.recv(65536):
                lost = lost or not self._carries.is_set()
                if not lost:
                    time.sleep(self.delay)
                    sink.sendall(data)
        self._carries.wait()  # that a side has left is not heard through a hole either
        _shut(source)
        _shut(sink)


def _thread(job: object, *arguments: object) -> None:
    threading.Thread(target=job, args=arguments, daemon=True).start()  # type: ignore[arg-type]


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def proxy(target: int, delay: float = 0.0) -> Iterator[Proxy]:
    """A proxy before a port of this machine, until the block is left."""
    one = Proxy(target, delay)
    try:
        yield one
    finally:
        one.close()
