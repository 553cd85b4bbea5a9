"""Waiting for something outside this process: asked again until it is so, never slept for."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    ask: Callable[[], T | None],
    what: str,
    *,
    within: float = 20.0,
    every: float = 0.05,
) -> T:
    """The first answer that is neither None nor False; an AssertionError after `within` seconds.

    A refused or broken connection counts as "not yet".
    """
    deadline = time.monotonic() + within
    trouble: OSError | None = None
    while True:
        try:
            answer = ask()
        except OSError as error:
            answer, trouble = None, error
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within:g} s in vain for {what}") from trouble
        time.sleep(every)


def free_port() -> int:
    """A loopback port that nobody listens on, and that the kernel gives to nobody for a minute.

    For so long a connection that ended on it keeps it (TIME_WAIT); who asks for it by number and
    with SO_REUSEADDR, as servers do, has it all the same.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            listener.accept()[0].close()  # the side that closes first is the one that keeps it
        return port
