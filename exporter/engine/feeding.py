"""The engine: chunks of log in, series moved, bytes consumed out.

Between two calls of `feed` everything is consistent: what was consumed has been counted, once.
Which fast paths it counts by, those in Python or the compiled ones, is `choice`'s.
"""

from __future__ import annotations

from datetime import tzinfo

from exporter.engine import choice
from exporter.engine.counting import Counting, Stream
from exporter.engine.joining import LONGEST_LINE
from exporter.engine.moves import Moment, Mover
from exporter.engine.plan import Plan
from exporter.registry import Registry
from exporter.windows import Drains


class Uncounted(Exception):  # noqa: N818  it is said of the lines
    """Counting came upon what nobody foresaw; `consumed` bytes must not come again all the same.

    The lines before it are counted, those behind it in its block are not: a block that came again
    would count the former twice, and would stop at the same line for ever.
    """

    def __init__(self, consumed: int) -> None:
        super().__init__(f"{consumed} bytes were not counted to their end")
        self.consumed = consumed


class Engine:
    """Counts the logs of one application into its registry.

    `replaying`: the present follows the records' own times. `name` says which engine it is,
    "compiled" or "python", where it is not the one that was chosen.
    """

    def __init__(
        self,
        plan: Plan,
        registry: Registry,
        drains: Drains,
        zone: tzinfo,
        *,
        replaying: bool = False,
        name: str | None = None,
    ) -> None:
        self.plan = plan
        self.registry = registry
        self.drains = drains
        self.moment = Moment(replaying=replaying)
        self._zone = zone
        self._paths = choice.paths(name or choice.ENGINE)
        self._services: dict[str, Counting] = {}

    def service(self, name: str, now: float) -> Counting:
        """What counts this service's lines; declares its series at the first asking."""
        counting = self._services.get(name)
        if counting is None:
            self.moment.reach(max(self.moment.now, now))
            mover = Mover(self.registry, self.drains, self.moment, name, self._zone)
            counting = self._services[name] = Counting(self.plan, mover, self._paths)
        return counting

    def feed(self, stream: Stream, chunk: bytes, now: float) -> int:
        """Count the whole lines of `chunk`; the bytes consumed. The rest must come again.

        Raises Uncounted.
        """
        counting = self._turn_to(stream, now)
        end = chunk.rfind(b"\n") + 1
        start = 0
        if stream.discarding:
            start = chunk.find(b"\n") + 1
            if not start:
                return len(chunk)
            stream.discarding = False
        if end > start:
            _count(counting, stream, chunk, slice(start, end - 1), end)
        if len(chunk) - end < LONGEST_LINE:
            return end
        # A line that does not end in time is counted by its beginning, the rest is passed over.
        stream.discarding = True
        _count(counting, stream, chunk, slice(end, end + LONGEST_LINE), len(chunk))
        return len(chunk)

    def finish(self, stream: Stream, rest: bytes, now: float) -> None:
        """The stream is over: count the half lines that it ends in."""
        if rest and not stream.discarding:
            self.feed(stream, rest + b"\n", now)
        counting = self._turn_to(stream, now)
        for lane in stream.lanes.values():
            if lane.partial:
                counting.paths.inner(lane, lane.partial)

    def _turn_to(self, stream: Stream, now: float) -> Counting:
        """What counts this stream, once it is `now` and the cells are those of this stream."""
        if not self.moment.replaying:
            self.moment.reach(now)
        self.registry.windows.turn(self.moment.now, self.registry.values)
        counting = self.service(stream.service, now)
        counting.turn_to(stream.key)
        return counting


def _count(counting: Counting, stream: Stream, chunk: bytes, lines: slice, consumed: int) -> None:
    """Count these lines of a chunk, with which so much of it is consumed."""
    try:
        counting.paths.block(stream, chunk, lines.start, lines.stop)
    except Exception as error:
        raise Uncounted(consumed) from error
