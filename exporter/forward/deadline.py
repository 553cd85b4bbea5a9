"""A deadline for whole exchanges over requests, whose own time-out begins anew with each read.

What drips a byte now and then would hold a thread for days. So who opens connections is watched,
and the one in use is cut when the time is over: its reader then finds the end.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any


@dataclass(slots=True)
class Deadline:
    """Cuts the connection that a session opened last. `over` tells that it had to."""

    over: bool = False
    _connection: Any = None  # urllib3's
    _socket: socket.socket | None = None  # which it forgets where an answer lasts until the end

    def watch(self, session: Any) -> None:
        """See what this session of requests opens from now on."""
        for adapter in session.adapters.values():
            manager = adapter.poolmanager
            pools = manager.pool_classes_by_scheme.items()
            manager.pool_classes_by_scheme = {
                scheme: partial(self._pool, make) for scheme, make in pools
            }

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Cut what is still under way after so long."""
        self.over = False
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _pool(self, make: Callable[..., Any], *given: Any, **named: Any) -> Any:
        pool = make(*given, **named)
        pool.ConnectionCls = partial(self._open, pool.ConnectionCls)
        return pool

    def _open(self, make: Callable[..., Any], *given: Any, **named: Any) -> Any:
        connection = self._connection = make(*given, **named)
        connect = connection.connect

        def connected() -> None:
            connect()
            self._socket = connection.sock

        connection.connect = connected
        return connection

    def _cut(self) -> None:
        self.over = True
        for one in (getattr(self._connection, "sock", None), self._socket):
            if one is not None:
                with suppress(OSError):  # it has ended by itself
                    # Past TLS, which would say goodbye first, and wait for whoever reads.
                    socket.socket.shutdown(one, socket.SHUT_RDWR)
