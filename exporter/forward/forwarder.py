"""One application's records on their way to one destination: intake, making, delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Protocol

from msgspec import Struct, field

from exporter.clock import Clock
from exporter.forward.choosing import Chooser
from exporter.forward.delivery import Delivery
from exporter.forward.intake import Intake, Piece
from exporter.forward.shapes import Made
from exporter.forward.track import Track

# How long records are made before others have their turn, and for how long they have it. In the
# loop and not in a thread, which would hold the interpreter for 5 ms at a time. The pause is for
# the threads that read and save for the metrics: they would come to a stand between two slices.
SLICE_SECONDS = 0.002
PAUSE_SECONDS = 0.001
LOOK_SECONDS = 0.25


class Assembler(Protocol):
    """Puts the lines of one stream together to records."""

    def take(self, raw: bytes, end: int, now: float) -> Sequence[Made]:
        """The records that this line completes; it has no line feed, and ends before `end`."""

    def flush(self, now: float | None) -> Sequence[Made]:
        """The records to which nothing was added for a while; at None all, the stream is over."""

    def handed(self, end: int) -> int:
        """Everything before this has been handed on, if all lines before `end` were taken."""


class Forwarder(Struct):
    """Reads nothing itself: sources feed the intake. `assemble` gives what reads a new stream."""

    intake: Intake
    delivery: Delivery
    chooser: Chooser
    clock: Clock
    assemble: Callable[[Track], Assembler]
    _assemblers: dict[Track, Assembler] = field(default_factory=dict)

    async def make(self) -> None:
        """Make records of what is fed, until cancelled; others have their turn often."""
        while True:
            piece = await self.intake.piece()
            await self._make(piece)
            self.intake.done(piece)

    async def flush(self) -> None:
        """Hand on, every now and then, what nothing more has come to; until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = self.clock.now()
            for track, assembler in list(self._assemblers.items()):
                if assembler.handed(track.made) < track.made:
                    made = self._flushed(track, assembler, now)
                    self._hand_on(track, assembler, made, track.made)

    async def drain(self) -> None:
        """Wait until all that was fed is delivered, but for records that may go on."""
        await self.intake.made()
        self.delivery.close()
        await self.delivery.idle()

    async def _make(self, piece: Piece) -> None:
        track, at = piece.track, piece.at
        assembler = self._assembler(track)
        began, now = perf_counter(), self.clock.now()
        for line in piece.data.split(b"\n")[:-1]:
            at = min(at + len(line) + 1, piece.end)
            track.made = at
            try:
                made = assembler.take(line, at, now)
            except Exception as error:  # noqa: BLE001  # no line may hold up the others
                self._unforeseen(track, len(line), error)
                continue
            if made:
                self._hand_on(track, assembler, made, at)
            if perf_counter() - began > SLICE_SECONDS:
                await asyncio.sleep(PAUSE_SECONDS)
                await self.delivery.room()
                began, now = perf_counter(), self.clock.now()
        made = self._flushed(track, assembler, None) if piece.last else ()
        self._hand_on(track, assembler, made, piece.end)
        if piece.last:
            del self._assemblers[track]

    def _hand_on(self, track: Track, assembler: Assembler, made: Sequence[Made], end: int) -> None:
        """Send records; behind them, the stream has been read up to `end`."""
        before = track.handed
        track.handed = max(before, assembler.handed(end))
        for number, one in enumerate(made, 1):
            origin = one.origin
            place = one.end - track.base
            why = self.chooser.left_out(origin.service, one.level, track.cursor.key, place)
            if why is None:
                self.intake.hold(len(one.body))
                # The others of these may go with the next batch: only the last stands for all.
                self.delivery.add(one, track, track.handed if number == len(made) else before)
            else:
                self.delivery.telling.left_out(origin.source, why)
        self.intake.settle((track,))

    def _flushed(self, track: Track, assembler: Assembler, now: float | None) -> Sequence[Made]:
        try:
            return assembler.flush(now)
        except Exception as error:  # noqa: BLE001  # no record may hold up the others
            self._unforeseen(track, track.made - track.handed, error)
            return ()

    def _unforeseen(self, track: Track, size: int, error: Exception) -> None:
        """Nothing is sent of a line that could not be read: it may hold a secret."""
        self.delivery.telling.lost(track.source, size, "unexpected")
        self.delivery.unforeseen(track.source, error)

    def _assembler(self, track: Track) -> Assembler:
        found = self._assemblers.get(track)
        if found is None:
            found = self._assemblers[track] = self.assemble(track)
        return found
