"""What the simulated applications answer when they are asked how they are, on loopback alone."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from contextlib import suppress

from msgspec import Struct, field

from exporter.demo.scenes import SCRIPT, Scene

APPS = ("pullapprove", "kodiai")
SECONDS_TO_ASK = 2.0
REASONS = {200: "OK", 308: "Permanent Redirect", 404: "Not Found"}


class Answer(Struct, frozen=True):
    """A status, a body, and where else to ask."""

    status: int
    body: str
    location: str = ""

    def raw(self) -> bytes:
        """Itself, as HTTP has it."""
        lines = [
            f"HTTP/1.1 {self.status} {REASONS[self.status]}",
            f"Content-Length: {len(self.body.encode())}",
            "Connection: close",
            *([f"Location: {self.location}"] if self.location else []),
        ]
        return "\r\n".join([*lines, "", self.body]).encode()


NO_PAGE = Answer(404, "404 Not Found")


def answer(app: str, path: str, scene: Scene) -> Answer:
    """What an application answers in a scene."""
    match app, path:
        case "pullapprove", "/up/" if scene.redirected:
            return Answer(308, "", "https://pullapprove.example/up/")
        case "pullapprove", "/up/":
            return Answer(200, "ok")
        case "kodiai", "/healthz":
            return Answer(200, json.dumps({"status": "ok"}))
        case "kodiai", "/readiness" if not scene.github:
            why = {"github": "degraded", "reason": "GitHub API unreachable"}
            return Answer(200, json.dumps({"status": "ready", **why}))
        case "kodiai", "/readiness":
            return Answer(200, json.dumps({"status": "ready"}))
    return NO_PAGE


class Health(Struct):
    """The servers of both, each on a free port that it has from the beginning."""

    scene: Scene = SCRIPT[0]
    _sockets: Mapping[str, socket.socket] = field(
        default_factory=lambda: {app: socket.create_server(("127.0.0.1", 0)) for app in APPS}
    )
    _servers: list[asyncio.Server] = field(default_factory=list)

    def bases(self) -> dict[str, str]:
        """Where each answers."""
        ports = {app: one.getsockname()[1] for app, one in self._sockets.items()}
        return {app: f"http://127.0.0.1:{port}" for app, port in ports.items()}

    async def open(self) -> None:
        """Begin to answer."""
        for app, one in self._sockets.items():

            async def answers(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, app: str = app
            ) -> None:
                with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
                    async with asyncio.timeout(SECONDS_TO_ASK):
                        head = await reader.readuntil(b"\r\n\r\n")
                        _, path, _ = head.split(b"\r\n")[0].decode("latin-1").split()
                        writer.write(answer(app, path, self.scene).raw())
                        await writer.drain()
                writer.close()

            self._servers.append(await asyncio.start_server(answers, sock=one))

    def close(self) -> None:
        """Answer nobody any more."""
        for server in self._servers:
            server.close()
