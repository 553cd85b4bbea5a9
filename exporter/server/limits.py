"""What clients may take."""

from __future__ import annotations

from msgspec import Struct

CLOSING_SECONDS = 2.0


class Limits(Struct, frozen=True):
    """What clients may take, in seconds; `line` in bytes, for the request and each header.

    `idle` bounds the wait for a whole request, the first of a connection and each later one;
    Prometheus keeps its connections, so it is longer than a usual scrape interval. `make` bounds
    the making of an answer, `send` the taking of it by a slow client, `handshake` that of TLS.
    `connections` may be open at once, and `of_one` of them from one address.
    `body` bounds what is sent, in bytes, and `sent` its coming; so many `bodies` may come at once.
    """

    idle: float = 150.0
    make: float = 30.0
    send: float = 30.0
    line: int = 8190
    handshake: float = 10.0
    connections: int = 200
    of_one: int = 50
    sent: float = 15.0
    body: int = 4 << 20
    bodies: int = 16


USUAL = Limits()
