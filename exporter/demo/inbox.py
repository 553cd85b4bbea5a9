"""The receiver of the demo's messages: what Alertmanager posts, taken apart alert by alert."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from msgspec import Struct, field

from exporter.demo.health import SECONDS_TO_ASK, Answer

LARGEST = 10_000_000  # bytes of a post
TAKEN, REFUSED = Answer(200, ""), Answer(404, "")
# What says how an alert is dealt with, and not what it is about.
NO_SUBJECT = {"alertname", "app", "component", "instance", "job", "kind", "severity"}


class Message(Struct, frozen=True):
    """An alert that a receiver was told of: that it fires, or that it does so no more."""

    receiver: str
    firing: bool
    rule: str
    subject: str
    summary: str

    def line(self) -> str:
        """Itself, to be read."""
        word = "FIRING  " if self.firing else "resolved"
        return f"{self.receiver:6} {word} {self.rule} · {self.subject} · {self.summary}"


class Inbox(Struct):
    """What came and has not been taken. A message about a group tells some again: not this."""

    _new: list[Message] = field(default_factory=list)
    _firing: set[str] = field(default_factory=set)

    def take(self) -> tuple[Message, ...]:
        """The messages since the last time."""
        taken = tuple(self._new)
        self._new.clear()
        return taken

    def post(self, receiver: str, body: Mapping[str, Any]) -> None:
        """A delivery, as Alertmanager's webhook has it."""
        for alert in body["alerts"]:
            one, firing = alert["fingerprint"], alert["status"] == "firing"
            if firing != (one in self._firing):
                self._new.append(_message(receiver, alert))
                (self._firing.add if firing else self._firing.discard)(one)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Listen on loopback while the block lasts; the URL to post to."""
        server = await asyncio.start_server(self._hear, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wrong = (OSError, EOFError, TimeoutError, ValueError, KeyError, asyncio.LimitOverrunError)
        with suppress(*wrong):
            async with asyncio.timeout(SECONDS_TO_ASK):
                writer.write((await self._taken(reader)).raw())
                await writer.drain()
        writer.close()

    async def _taken(self, reader: asyncio.StreamReader) -> Answer:
        """Read one delivery; a connection carries no other."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split()
        names = (line.partition(":") for line in head[1:])
        length = next(int(text) for name, _, text in names if name.lower() == "content-length")
        if method != "POST" or not 0 <= length <= LARGEST:
            return REFUSED
        self.post(path.strip("/"), json.loads(await reader.readexactly(length)))
        return TAKEN


def _message(receiver: str, alert: Mapping[str, Any]) -> Message:
    labels, summary = alert["labels"], alert["annotations"].get("summary", "")
    subject = " ".join([labels.get("app", ""), *_about(labels)]).strip()
    return Message(receiver, alert["status"] == "firing", labels["alertname"], subject, summary)


def _about(labels: Mapping[str, str]) -> Iterator[str]:
    return (value for name, value in sorted(labels.items()) if name not in NO_SUBJECT)
