"""Connections that a test's loop would leave half closed."""

from __future__ import annotations

import asyncio
from asyncio.sslproto import SSLProtocol
from typing import Any


async def part() -> None:
    """End the TLS connections of this loop that only wait for the server's leave.

    asyncio waits 30 seconds for it. A loop that is closed before warns of them in whichever test
    runs when they are collected.
    """
    loop: Any = asyncio.get_running_loop()
    for transport in list(loop._transports.values()):
        protocol = transport.get_protocol()
        if isinstance(protocol, SSLProtocol):
            state = protocol._state.name  # type: ignore[attr-defined]
            if state in ("FLUSHING", "SHUTDOWN"):
                transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # aborted in one turn, lost in the next
