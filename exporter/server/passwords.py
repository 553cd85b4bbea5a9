"""Basic authentication by bcrypt hashes that neither tells users apart nor costs more than a share.

A password that was right is known again by a keyed digest, so a scrape costs microseconds. All
others wait for their turn, one at a time and off the loop; a wrong one is followed by a rest, so
that a flood of them takes a fifth of one core and never /metrics from those who are known.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import bcrypt
from msgspec import Struct, field

MOST_KNOWN = 100
MOST_WAITING = 16
MOST_WAITING_OF_ONE = 4
REST = 4.0  # how many times as long as a wrong password took
LONGEST = 72  # bcrypt reads no further bytes; Go's cuts them off, Python's would complain


class Busy(Exception):  # noqa: N818 - no error: the client is to come again
    """Too many passwords wait to be tried."""


class Passwords(Struct):
    """Tries passwords; must be closed."""

    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _known: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    _waiting: Counter[str] = field(default_factory=Counter)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
    )

    def close(self) -> None:
        """What is being tried is of no interest any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def right(self, users: Mapping[str, bytes], header: str | None, client: str) -> bool:
        """Whether an Authorization header names one of these users and its password.

        `client` is the address, which has a few places to wait in. Raises Busy.
        """
        given = _credentials(header)
        if given is None:
            return False
        user, password = given
        hashed = users.get(user) or self._decoy(users, user)
        digest = self._digest(user.encode(), hashed, password)
        if digest in self._known:
            self._known.move_to_end(digest)
            return user in users
        if self._waiting.total() >= MOST_WAITING or self._waiting[client] >= MOST_WAITING_OF_ONE:
            raise Busy
        self._waiting[client] += 1
        try:
            async with self._turn:
                if digest in self._known:  # the one before may have been the same
                    return user in users
                return await self._fits(hashed, password, digest if user in users else None)
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]

    async def _fits(self, hashed: bytes, password: bytes, digest: bytes | None) -> bool:
        """Try it, and keep the digest if it fits; none is kept of a user that is unknown."""
        began, loop = time.perf_counter(), asyncio.get_running_loop()
        given = password[:LONGEST]
        if await loop.run_in_executor(self._thread, bcrypt.checkpw, given, hashed) and digest:
            self._known[digest] = None
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
            return True
        await asyncio.sleep(REST * (time.perf_counter() - began))
        return False

    def _decoy(self, users: Mapping[str, bytes], user: str) -> bytes:
        """The hash that an unknown user's password is tried on: always the same one of somebody's.

        So an unknown name takes as long as a known one, also where hashes cost differently.
        """
        hashes = [*users.values()]
        return hashes[int.from_bytes(self._digest(user.encode())) % len(hashes)]

    def _digest(self, *parts: bytes) -> bytes:
        framed = b"".join(b"%d:%s" % (len(part), part) for part in parts)
        return hmac.digest(self._key, framed, "sha256")


def _credentials(header: str | None) -> tuple[str, bytes] | None:
    """User and password of an Authorization header; None where it has none."""
    scheme, _, packed = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(packed.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):  # UnicodeDecodeError is one
        return None
