"""A deadline for whole exchanges over requests, whose own time-out begins anew with each read.

What drips a byte now and then would hold a thread for days, and so would a name with many dead
addresses. So who opens connections is watched: the one in use is cut when the time is over, and
its reader finds the end; one that is not open by then is left to itself.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from msgspec import Struct


class Deadline(Struct):
    """Ends what a session does when its time is over. `cut` tells of a connection that was open.

    A look-up of a name cannot be told to stop, so opening is done in a thread of its own. There is
    one at most that nobody waits for any more.
    """

    cut: bool = False
    _end: float = 0.0  # monotonic
    _over: bool = False
    _opening: threading.Thread | None = None
    _socket: socket.socket | None = None  # kept: urllib3 forgets it under an answer without an end

    def watch(self, session: Any) -> None:
        """See what this session of requests opens from now on; it is used in `within` only."""
        for adapter in session.adapters.values():
            manager = adapter.poolmanager
            pools = manager.pool_classes_by_scheme.items()
            manager.pool_classes_by_scheme = {
                scheme: partial(self._pool, make) for scheme, make in pools
            }

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """End what is still under way after so long."""
        self.cut = self._over = False
        self._end = time.monotonic() + seconds
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # so that it cuts nothing of the next exchange

    def _pool(self, make: Callable[..., Any], *given: Any, **named: Any) -> Any:
        pool = make(*given, **named)
        pool.ConnectionCls = partial(self._make, pool.ConnectionCls)
        return pool

    def _make(self, make: Callable[..., Any], *given: Any, **named: Any) -> Any:
        connection = make(*given, **named)
        connection.connect = partial(self._connect, connection, connection.connect)
        return connection

    def _connect(self, connection: Any, connect: Callable[[], None]) -> None:
        """The name looked up, its addresses tried, TLS agreed on. Raises TimeoutError, OSError."""
        self._socket = None
        if self._opening is not None:
            self._opening.join(self._left())
            if self._opening.is_alive():
                raise TimeoutError("an earlier try to connect has not ended yet")
        opened: Future[None] = Future()
        job = partial(_open, connection, connect, opened)
        self._opening = threading.Thread(target=job, name="connect", daemon=True)
        self._opening.start()
        wait([opened], self._left())
        if opened.cancel():
            raise TimeoutError("it was not connected in time")
        opened.result()
        self._socket = connection.sock
        if self._over:  # set and asked in the other order than in `_cut`: one sees the other
            raise TimeoutError("it was connected too late")

    def _left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def _cut(self) -> None:
        self._over = True
        if self._socket is not None:
            self.cut = True
            with suppress(OSError):  # it has ended by itself
                # Past TLS, which would say goodbye first, and wait for whoever reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _open(connection: Any, connect: Callable[[], None], opened: Future[None]) -> None:
    """Connect, and tell; close what nobody waits for any more."""
    wrong: Exception | None = None
    try:
        connect()
    except Exception as error:  # noqa: BLE001 - whoever waits is to see it
        wrong = error
    if not opened.set_running_or_notify_cancel():
        connection.close()
    elif wrong is None:
        opened.set_result(None)
    else:
        opened.set_exception(wrong)
