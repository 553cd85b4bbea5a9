"""An Engine's API of the tests' own, for what no real daemon does when it is asked to.

It answers as Docker Engine 20.10 was seen to: frames of eight bytes of head, a stamp before each
piece, `since` inclusive, pieces of one line under one stamp, ends that look all alike. What is
misbehaviour is told to it: `page` answers everything, `hang` nothing, `mangle` changes the bytes
of a log.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

SECOND = 1_000_000_000
NOON = 1_795_000_000 * SECOND
IDENTITY = "c0ffee" * 10 + "cafe"


def stamp(at: int) -> bytes:
    """A time as the daemon spells it."""
    second, nanos = divmod(at, SECOND)
    text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{nanos:09}Z ".encode()


def frame(stream: int, payload: bytes) -> bytes:
    """A frame of the multiplexed stream: 1 is stdout, 2 stderr."""
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


@dataclass
class OneContainer:
    """An Engine that has one container.

    `entries` are (time, stream, text), the text with its newline where it has one. A follow gets
    what is in the log, then what is put to it; `cut` ends all follows. `reads` are the queries of
    the logs that were read without following.
    """

    entries: list[tuple[int, int, bytes]] = field(default_factory=list)
    running: bool = True
    tty: bool = False
    started: int = 1
    page: tuple[int, str, str] | None = None
    hang: bool = False
    mangle: Callable[[bytes], bytes] = bytes
    before_read: Callable[[], None] = lambda: None  # nothing, unless a test says
    reads: list[dict[str, str]] = field(default_factory=list)
    listed: int = 0
    url: str = ""
    follows: list[asyncio.Queue[bytes]] = field(default_factory=list)

    def say(self, at: int, text: str, stream: int = 1) -> None:
        """The container writes, and the daemon has it `at` nanoseconds after noon."""
        self.entries.append((NOON + at, stream, text.encode()))
        self.repeat(len(self.entries) - 1)

    def repeat(self, first: int) -> None:
        """Those that follow are sent what stands in the log from here on, if again."""
        for follow in self.follows:
            follow.put_nowait(b"".join(map(self._spelled, self.entries[first:])))

    def cut(self) -> None:
        """End all follows, as a daemon that stops and a container that exits do."""
        while self.follows:
            self.follows.pop().put_nowait(b"")

    def _spelled(self, entry: tuple[int, int, bytes]) -> bytes:
        at, stream, text = entry
        payload = stamp(at) + text
        return payload.replace(b"\n", b"\r\n") if self.tty else frame(stream, payload)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Whatever is asked."""
        if self.hang:
            await asyncio.sleep(3600)
        if self.page is not None:
            status, kind, text = self.page
            return web.Response(status=status, content_type=kind, text=text)
        if request.path == "/events":
            return await self._stream(request, asyncio.Queue())
        if request.path == "/containers/json":
            self.listed += 1
            return web.json_response([self._listed()])
        if request.path.endswith("/json"):
            return web.json_response(self._inspected())
        return await self._log(request)

    async def _log(self, request: web.BaseRequest) -> web.StreamResponse:
        query = dict(request.query)
        if "follow" not in query:
            self.reads.append(query)
            self.before_read()
        second, _, nanos = query.get("since", "0.0").partition(".")
        since = int(second) * SECOND + int(nanos)
        found = [self._spelled(one) for one in self.entries if one[0] >= since]
        if query["tail"] != "all":
            found = found[len(found) - int(query["tail"]) :]
        follow: asyncio.Queue[bytes] = asyncio.Queue()
        follow.put_nowait(b"".join(found) or b"")
        if not found:
            follow.get_nowait()
        if "follow" in query and self.running:
            self.follows.append(follow)
        else:
            follow.put_nowait(b"")
        return await self._stream(request, follow)

    async def _stream(
        self, request: web.BaseRequest, parts: asyncio.Queue[bytes]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Api-Version": "1.41"})
        await response.prepare(request)
        while data := await parts.get():
            await response.write(self.mangle(data))
        return response

    def _listed(self) -> dict[str, Any]:
        state = "running" if self.running else "exited"
        labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
        return {"Id": IDENTITY, "Names": ["/shop_web_1"], "Labels": labels, "State": state}

    def _inspected(self) -> dict[str, Any]:
        state = {"Running": self.running, "StartedAt": str(self.started)}
        return {"State": state, "Config": {"Tty": self.tty}}


@asynccontextmanager
async def served(
    one: OneContainer, secure: ssl.SSLContext | None = None
) -> AsyncIterator[OneContainer]:
    """It listens at its `url`, by TLS where a context is given."""
    runner = web.ServerRunner(web.Server(one.answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=secure)
    await site.start()
    _, port = runner.addresses[0][:2]
    one.url = f"tcp://localhost:{port}" if secure else f"tcp://127.0.0.1:{port}"
    try:
        yield one
    finally:
        one.cut()
        await runner.cleanup()
