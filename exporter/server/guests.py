"""Connections: accepted within bounds, shaken hands with as the access of the moment asks.

There is room for so many, and for so many of one address. Who comes when it is full takes the place
of a connection that waits: the oldest of the address that has most, so that whoever opens hundreds
loses his own, and a scraper with its one is never shut out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socket import socket

from msgspec import Struct, field

from exporter.access import Access
from exporter.server.limits import CLOSING_SECONDS, Limits

EXHAUSTED_SECONDS = 0.2  # the pause after an accept that failed, for the want of file descriptors


@dataclass(slots=True, eq=False)
class Guest(asyncio.Protocol):
    """One connection: once it is let in, all goes on to `inner`, which `factory` makes.

    `idle_since` is when it came or was last answered; `busy` while it is being answered.
    """

    address: str
    idle_since: float
    host: Guests
    factory: Callable[[], asyncio.Protocol]
    access: Access
    busy: bool = False
    greeting: asyncio.Task[None] | None = None
    transport: asyncio.Transport | None = None
    inner: asyncio.Protocol | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is over."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for a stream it always is
        self.transport = transport
        shaken = transport.get_extra_info("ssl_object")
        if self.access.sans and not self.access.admits(shaken and shaken.getpeercert()):
            self.host.refused("certificate")
            transport.abort()
            return
        self.inner = self.factory()
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Of a request."""
        if self.inner is not None:
            self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The client will send no more."""
        return None if self.inner is None else self.inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self.host.forget(self)
        if self.inner is not None:
            self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client takes its answer slowly."""
        if self.inner is not None:
            self.inner.pause_writing()

    def resume_writing(self) -> None:
        """It goes on."""
        if self.inner is not None:
            self.inner.resume_writing()

    def leave(self) -> None:
        """End it at once, also in the middle of its handshake."""
        if self.transport is not None:
            self.transport.abort()
        elif self.greeting is not None:
            self.greeting.cancel()


class Guests(Struct):
    """All connections of a server."""

    access: Callable[[], Access]
    limits: Limits
    refused: Callable[[str], None]
    _all: set[Guest] = field(default_factory=set)

    async def accept(self, listening: socket, factory: Callable[[], asyncio.Protocol]) -> None:
        """Accept until cancelled; `factory` makes what a guest that is let in speaks to."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        while True:
            try:
                client, address = await loop.sock_accept(listening)
            except ConnectionError:
                continue  # gone before it was accepted
            except OSError:
                self.refused("exhausted")
                await asyncio.sleep(EXHAUSTED_SECONDS)
                continue
            self._meet(client, str(address[0]), factory)

    def forget(self, guest: Guest) -> None:
        """It is gone."""
        self._all.discard(guest)

    def close(self) -> None:
        """End the handshakes; whoever is in is the server's."""
        for one in [*self._all]:
            if one.transport is None:
                one.leave()

    @contextmanager
    def answering(self, transport: asyncio.Transport | None) -> Iterator[None]:
        """Nobody loses a connection while it is answered."""
        of = (one for one in self._all if transport is not None and one.transport is transport)
        guest = next(of, None)
        if guest is None:
            yield
            return
        guest.busy = True
        try:
            yield
        finally:
            guest.busy = False
            guest.idle_since = asyncio.get_running_loop().time()

    def _meet(self, client: socket, address: str, factory: Callable[[], asyncio.Protocol]) -> None:
        if not self._room_for(address):
            self.refused("connections")
            client.close()
            return
        loop = asyncio.get_running_loop()
        guest = Guest(address, loop.time(), self, factory, self.access())
        self._all.add(guest)

        def greeted(_: asyncio.Task[None]) -> None:
            if guest.transport is None:
                self.forget(guest)
                client.close()

        guest.greeting = loop.create_task(self._greet(guest, client))
        guest.greeting.add_done_callback(greeted)

    async def _greet(self, guest: Guest, client: socket) -> None:
        loop, context = asyncio.get_running_loop(), guest.access.context
        try:
            if context is None:
                await loop.connect_accepted_socket(lambda: guest, client)
            else:
                await loop.connect_accepted_socket(
                    lambda: guest,
                    client,
                    ssl=context,
                    ssl_handshake_timeout=self.limits.handshake,
                    ssl_shutdown_timeout=CLOSING_SECONDS,
                )
        except OSError:  # a failed handshake in all its forms
            self.refused("handshake")

    def _room_for(self, address: str) -> bool:
        """Whether another of this address may come, once one that waits has left for it."""
        crowd = Counter(one.address for one in self._all)
        if crowd[address] >= self.limits.of_one:
            return self._dismiss(address)
        if len(self._all) < self.limits.connections:
            return True
        return any(self._dismiss(most) for most, _ in crowd.most_common())

    def _dismiss(self, address: str) -> bool:
        """End the connection of this address that has waited longest, if there is one."""
        waiting = [one for one in self._all if one.address == address and not one.busy]
        oldest = min(waiting, key=lambda one: one.idle_since, default=None)
        if oldest is None:
            return False
        self.refused("connections")
        self.forget(oldest)
        oldest.leave()
        return True
