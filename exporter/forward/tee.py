"""Lines that can be read once only: counted as ever, and handed to forwarding if it has room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from msgspec import Struct, field

from exporter.forward.intake import Intake
from exporter.model import Cursor, Sink
from exporter.turns import Turns


class Counting(Sink, Protocol):
    """The shard, as far as a source needs it."""

    @property
    def app(self) -> str:
        """The application."""

    def source_state(self, source: str, *, up: bool, failure: str | None = None) -> None:
        """Note that a source runs, or why it does not."""


class Tee(Struct):
    """Counting goes first and never waits: what an intake has no room for is dropped, and told."""

    shard: Counting
    intakes: Sequence[Intake]
    _copies: dict[str, Cursor] = field(default_factory=dict)

    @property
    def app(self) -> str:
        """The application."""
        return self.shard.app

    def source_state(self, source: str, *, up: bool, failure: str | None = None) -> None:
        """Pass it on."""
        self.shard.source_state(source, up=up, failure=failure)

    def cursors(self, source: str) -> list[Cursor]:
        """Pass it on."""
        return self.shard.cursors(source)

    def open(self, source: str, cursor: Cursor) -> None:
        """Declare the stream to all."""
        self.shard.open(source, cursor)
        for intake in self.intakes:
            intake.open(source, self._copy(intake, cursor))

    @property
    def full(self) -> bool:
        """Counting has room always."""
        return self.shard.full

    async def room(self) -> None:
        """Counting has room always."""
        await self.shard.room()

    @property
    def turns(self) -> Turns:
        """Counting takes the time."""
        return self.shard.turns

    def feed(self, cursor: Cursor, chunk: bytes) -> int:
        """Count the lines, and offer each intake the same bytes."""
        size = self.shard.feed(cursor, chunk)
        for intake in self.intakes:
            copy = self._copy(intake, cursor)
            if intake.full:
                intake.lost(copy, size, "full")
            else:
                intake.feed(copy, chunk[:size])
        return size

    def finish(self, cursor: Cursor, rest: bytes = b"") -> None:
        """The stream has ended."""
        self.shard.finish(cursor, rest)
        for intake in self.intakes:
            intake.finish(self._copy(intake, cursor), rest)

    def move(self, cursor: Cursor, offset: int) -> None:
        """Pass it on."""
        self.shard.move(cursor, offset)

    def lost(self, cursor: Cursor, count: int, reason: str) -> None:
        """Tell all."""
        self.shard.lost(cursor, count, reason)
        for intake in self.intakes:
            intake.lost(self._copy(intake, cursor), count, reason)

    def lag(self, cursor: Cursor, count: int, newest: float | None) -> None:
        """Pass it on."""
        self.shard.lag(cursor, count, newest)

    def looked(self, source: str) -> None:
        """Pass it on."""
        self.shard.looked(source)

    def failed(self, source: str, reason: str) -> None:
        """Pass it on."""
        self.shard.failed(source, reason)

    def _copy(self, intake: Intake, cursor: Cursor) -> Cursor:
        """The intake's own cursor of this stream: the shard moves the other one."""
        key = f"{id(intake)} {cursor.key}"
        if key not in self._copies:
            self._copies[key] = replace(cursor)
        return self._copies[key]
