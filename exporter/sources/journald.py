"""The journal of systemd, by `journalctl -o json`: the messages of some units, each once.

The format is systemd's journal export as JSON (systemd.io/JOURNAL_EXPORT_FORMATS): one object a
line, `MESSAGE` a text, or a list of byte values where it is none, or a list of such where an entry
has several.
"""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal

from msgspec import Struct

from exporter.clock import Clock
from exporter.errors import SourceError
from exporter.model import Cursor, Sink

CHUNK = 1 << 18
LONGEST = 1 << 24  # bytes of one entry as JSON
PATIENCE = 2.0  # seconds that journalctl has to end
QUIET = 5.0  # seconds after which a journal that says nothing counts as looked at

Place = dict[str, str | int | float | bool | None]


class Journal(Struct, frozen=True):
    """Which entries: those of a `unit` or several; `directory` holds a journal of another host."""

    unit: tuple[str, ...]
    directory: str | None = None

    def __post_init__(self) -> None:
        if not self.unit:
            raise ValueError("names no unit: write unit: app.service")


class Journald(Struct, frozen=True):
    """The journal: `journald: {unit: app.service}`. Without `service` it is the unit's name."""

    journald: Journal
    service: str | None = None
    from_: Literal["end", "beginning"] = "end"

    @property
    def name(self) -> str:
        """The label `source`."""
        return f"journald:{self.journald.unit[0]}"

    @property
    def finite(self) -> bool:
        """A journal never ends."""
        return False

    @property
    def interval(self) -> None:
        """It tells by itself."""
        return None

    async def run(self, sink: Sink, clock: Clock) -> None:
        """Feed the sink until cancelled. Raises SourceError."""
        saved = {cursor.key: cursor for cursor in sink.cursors(self.name)}
        readers = [
            asyncio.create_task(self._follow(unit, saved, sink, clock))
            for unit in self.journald.unit
        ]
        try:
            done, _ = await asyncio.wait(readers, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.wait(readers)
        for reader in done:
            reader.result()

    async def _follow(self, unit: str, saved: dict[str, Cursor], sink: Sink, clock: Clock) -> None:
        """One unit, whose cursor is its own: units that are read together could not be resumed."""
        key = f"journald:{unit}"
        cursor = saved.get(key)
        if cursor is None or cursor.place is None:
            place: Place = {"cursor": await self._newest() if self.from_ == "end" else None}
            service = self.service or unit.removesuffix(".service")
            cursor = Cursor(key, service, "journal", 0, place)
        sink.open(self.name, cursor)
        process = await self._journalctl(*self._entries(unit, cursor))
        try:
            await self._feed(process, cursor, sink, clock)
        finally:
            await _end(process)

    def _entries(self, unit: str, cursor: Cursor) -> Iterator[str]:
        # Following shows ten entries unless told otherwise, even after a cursor, and those of the
        # present boot alone unless journals are merged.
        yield from ("--follow", "--no-tail", "--merge", f"--unit={unit}")
        after = (cursor.place or {}).get("cursor")
        if after:
            yield f"--after-cursor={after}"

    async def _newest(self) -> str | None:
        """The cursor of the journal's last entry, of whatever unit; None of an empty journal."""
        process = await self._journalctl("--lines=1")
        try:
            output, said = await process.communicate()
        finally:
            await _end(process)
        if process.returncode:
            raise _ended(process, said)
        entries = [entry for line in output.splitlines() if (entry := _entry(line))]
        return str(entries[-1]["__CURSOR"]) if entries else None

    async def _journalctl(self, *more: str) -> Process:
        options = ["--output=json", "--output-fields=MESSAGE", "--all", "--no-pager", "--quiet"]
        if self.journald.directory:
            options.append(f"--directory={self.journald.directory}")
        try:
            return await asyncio.create_subprocess_exec(
                "journalctl",
                *options,
                *more,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
            )
        except OSError as error:
            text = f"journalctl cannot be started: {error.strerror}; it comes with systemd"
            raise SourceError("missing", text) from error

    async def _feed(self, process: Process, cursor: Cursor, sink: Sink, clock: Clock) -> None:
        if process.stdout is None or process.stderr is None:
            raise ValueError("journalctl is started with pipes")
        complaints = asyncio.create_task(_last(process.stderr))
        rest, skipping = b"", False
        try:
            while (data := await _more(process.stdout)) != b"":
                sink.looked(self.name)
                if data is None:
                    continue
                *lines, rest = (rest + data).split(b"\n")
                if lines and skipping:
                    lines, skipping = lines[1:], False
                if len(rest) > LONGEST or skipping:
                    sink.lost(cursor, len(rest), "too_long")
                    rest, skipping = b"", True
                await sink.room()
                _count(sink, cursor, lines)
                sink.lag(cursor, 0, clock.now())
                await asyncio.sleep(0)
            await process.wait()
            raise _ended(process, await complaints)
        finally:
            complaints.cancel()


def _count(sink: Sink, cursor: Cursor, lines: list[bytes]) -> None:
    """Feed the messages and move the journal's cursor, with nothing in between."""
    entries = [entry for line in lines if (entry := _entry(line))]
    text = b"".join(_text(entry.get("MESSAGE")) for entry in entries)
    while text and (consumed := sink.feed(cursor, text)):
        text = text[consumed:]
    if entries:
        cursor.place = {"cursor": str(entries[-1]["__CURSOR"])}


def _entry(line: bytes) -> dict[str, Any] | None:
    """An entry; None of a line that is none, such as one that was cut off."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "__CURSOR" in entry else None


def _text(message: Any) -> bytes:
    """The lines of a message, the last one ended too; nothing where there is no message."""
    if isinstance(message, str):
        # A text may hold half a surrogate pair, which no bytes spell.
        return message.encode("utf-8", "replace").rstrip(b"\n") + b"\n"
    if isinstance(message, list):
        if all(isinstance(one, int) and 0 <= one < 256 for one in message):
            return bytes(message).rstrip(b"\n") + b"\n"
        return b"".join(_text(one) for one in message)
    return b""


async def _more(stream: asyncio.StreamReader) -> bytes | None:
    """What comes next, nothing at the end; None when for a while nothing came."""
    try:
        async with asyncio.timeout(QUIET):
            return await stream.read(CHUNK)
    except TimeoutError:
        return None


async def _last(stream: asyncio.StreamReader) -> bytes:
    """The end of what is said on standard error, read all along so that it never blocks."""
    said = b""
    while more := await stream.read(CHUNK):
        said = (said + more)[-1000:]
    return said


def _ended(process: Process, said: bytes) -> SourceError:
    text = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return SourceError("exit", f"journalctl ended with {process.returncode}: {text or 'no word'}")


async def _end(process: Process) -> None:
    """Have it end, and wait until it has."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(PATIENCE):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
