"""The reference engine's fast paths, in Python: the lines of a block, series moved."""

from __future__ import annotations

from exporter.engine.counting import Counting, Stream, bare
from exporter.engine.hot_json import JsonLines
from exporter.engine.hot_keyvalue import KeyValueLines
from exporter.engine.hot_text import KnownTexts
from exporter.engine.joining import LONGEST_LINE, Lane

_CONTINUING = (b"", b" ", b"\t")  # what begins lines that begin no record


class Lines:
    """Counts the lines of one service; what no fast path is sure of by the exact reading."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        plan, mover, record_cell = counting.plan, counting.mover, counting.record_cell
        self._json = JsonLines(plan, mover, record_cell)
        self._keyvalue = KeyValueLines(plan, mover, record_cell)
        self._texts = KnownTexts(plan, mover, record_cell)

    def forget(self, *, streams_only: bool) -> None:
        """Forget cells that may mean another series now."""
        self._json.forget(streams_only=streams_only)
        self._keyvalue.forget(streams_only=streams_only)

    def block(self, stream: Stream, chunk: bytes, at: int, stop: int) -> None:
        """Count the lines of a chunk from `at` on; the last ends at `stop`, without its newline."""
        counting, block = self._counting, chunk[at:stop]
        raws = block.split(b"\n")
        if len(block) > LONGEST_LINE:
            raws = [line[:LONGEST_LINE] for line in raws]
        lines = bare(raws, block)
        size, enveloped, at = len(lines), 0, 0
        lane = stream.lane(stream.name)
        try:
            while at < size:
                start, at = at, self._run(lane, lines, at)
                if at > start:
                    continue
                if counting.enveloped(stream, raws[at]):
                    enveloped += 1
                else:
                    counting.one(lane, lines[at])
                at += 1
        finally:
            if at > enveloped:
                counting.lines(stream.name, at - enveloped)

    def inner(self, lane: Lane, text: bytes) -> None:
        """Count what an envelope carried."""
        for line in bare(text.split(b"\n"), text):
            if not self._run(lane, [line], 0):
                self._counting.one(lane, line)

    def _run(self, lane: Lane, lines: list[bytes], start: int) -> int:
        """Count lines from `start` on by the fast paths; the first that none is sure of."""
        if lines[start][:1] in _CONTINUING:
            return start
        at = self._json.run(lines, start)
        one = lane.open
        if at == start and (one is None or one.trace != "python"):
            at = self._keyvalue.run(lines, start)
        if at == start and (one is None or not one.claims) and self._texts.take(lines[at]):
            at += 1
        if at > start:
            lane.took(lines[at - 1], self._counting.mover.since)
        return at
