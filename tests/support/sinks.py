"""A sink that keeps every line it counts, and can be saved and taken up again like a state."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from exporter.model import Cursor
from exporter.turns import Turns

LONGEST_LINE = 1 << 20


@dataclass
class KeepingSink:
    """`lines` by service, in the order in which they were counted; `lost` bytes by reason."""

    lines: dict[str, list[bytes]] = field(default_factory=dict)
    lost_bytes: dict[str, int] = field(default_factory=dict)
    lags: dict[str, tuple[int, float | None]] = field(default_factory=dict)
    known: dict[str, tuple[str, Cursor]] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    looks: int = 0
    feeds: int = 0
    full: bool = False
    waited: int = 0
    turns: Turns = field(default_factory=Turns)
    feeding: Callable[[bytes], object] = len  # told of each chunk before it is counted
    fed: asyncio.Event = field(default_factory=asyncio.Event)

    def cursors(self, source: str) -> list[Cursor]:
        return [cursor for name, cursor in self.known.values() if name == source]

    def open(self, source: str, cursor: Cursor) -> None:
        self.known[cursor.key] = source, cursor

    async def room(self) -> None:
        while self.full:
            self.waited += 1
            await asyncio.sleep(0.01)

    def feed(self, cursor: Cursor, chunk: bytes) -> int:
        assert cursor.key in self.known, "fed before it was opened"
        self.feeds += 1
        self.feeding(chunk)
        whole, newline, _ = chunk.rpartition(b"\n")
        if not newline and len(chunk) < LONGEST_LINE:
            return 0
        end = len(whole) + 1 if newline else len(chunk)
        lines = whole.split(b"\n") if newline else [chunk]
        self.lines.setdefault(cursor.service, []).extend(lines)
        cursor.offset += end
        self.fed.set()
        return end

    def finish(self, cursor: Cursor, rest: bytes = b"") -> None:
        del self.known[cursor.key]
        self.finished.append(cursor.key)
        if rest:
            self.lines.setdefault(cursor.service, []).append(rest)

    def move(self, cursor: Cursor, offset: int) -> None:
        cursor.offset = offset

    def lost(self, cursor: Cursor, count: int, reason: str) -> None:
        assert cursor.key in self.known
        assert count > 0
        self.lost_bytes[reason] = self.lost_bytes.get(reason, 0) + count

    def lag(self, cursor: Cursor, count: int, newest: float | None) -> None:
        assert cursor.key in self.known
        self.lags[cursor.key] = count, newest

    def passed_over(self) -> int:
        """Of how many containers, read from the end at first, that end was found."""
        places = [cursor.place or {} for _, cursor in tuple(self.known.values())]
        return sum(bool(place.get("id")) and not place.get("end") for place in places)

    def looked(self, source: str) -> None:
        del source
        self.looks += 1

    def failed(self, source: str, reason: str) -> None:
        del source
        self.failures[reason] = self.failures.get(reason, 0) + 1

    @property
    def waiting(self) -> int:
        """Bytes that wait unread in the streams that are known."""
        return sum(count for key, (count, _) in self.lags.items() if key in self.known)

    async def until(self, count: int) -> None:
        """Wait for so many lines; for as long as it takes, so give it a time limit."""
        while sum(map(len, self.lines.values())) < count:
            self.fed.clear()
            await self.fed.wait()

    def all(self) -> list[str]:
        """Every line, decoded and sorted, so that order plays no part."""
        return sorted(line.decode() for lines in self.lines.values() for line in lines)

    def dump(self) -> str:
        """What a restart needs, by way of text, as a state that is saved would be."""
        kept = {key: [name, asdict(cursor)] for key, (name, cursor) in self.known.items()}
        lines = {name: [line.decode("latin-1") for line in own] for name, own in self.lines.items()}
        return json.dumps({"cursors": kept, "lines": lines, "lost": self.lost_bytes})

    @classmethod
    def load(cls, text: str) -> KeepingSink:
        """What `dump` gave."""
        state: dict[str, Any] = json.loads(text)
        sink = cls(lost_bytes=state["lost"])
        for name, lines in state["lines"].items():
            sink.lines[name] = [line.encode("latin-1") for line in lines]
        for key, (name, cursor) in state["cursors"].items():
            sink.known[key] = name, Cursor(**cursor)
        return sink
