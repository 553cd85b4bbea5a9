"""What forwarding tells of itself: the series of one application and one destination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from msgspec import Struct

from exporter.clock import Clock
from exporter.forward.choosing import Why
from exporter.forward.shapes import Outcome, Verdict
from exporter.forward.track import Track
from exporter.model import Family
from exporter.registry import Registry
from exporter.vocabulary import FAMILIES

REJECTIONS = ("partial", "refused")
LOSSES = ("rewritten", "truncated", "vanished")
_ANSWERED: frozenset[Verdict] = frozenset({"accepted", "partial", "refused"})


def _family(name: str) -> Family:
    return FAMILIES[f"sidewatch_forward_{name}"]


class Telling(Struct, frozen=True):
    """Moves the series of a destination. Its registry is the application's own for forwarding."""

    registry: Registry
    clock: Clock
    destination: str

    def declare(self, sources: Iterable[str], objective: float) -> None:
        """Show at zero what may happen, so that the first time is seen as a change."""
        self._put("lag_objective_seconds", objective)
        for verdict in get_args(Verdict):
            self._declare("requests_total", verdict)
        for source in sources:
            self._declare("acknowledged_records_total", source)
            for reason in REJECTIONS:
                self._declare("rejected_records_total", source, reason)
            for why in get_args(Why):
                self._declare("unselected_records_total", source, why)
            for reason in LOSSES:
                self._declare("lost_bytes_total", source, reason)

    def answered(self, outcome: Outcome) -> None:
        """A request came to this end."""
        self._put("up", float(outcome.verdict in _ANSWERED))
        self._add("requests_total", 1, outcome.verdict)
        if outcome.verdict in ("throttled", "failed"):
            self._add("retries_total", 1, outcome.reason or outcome.verdict)

    def acknowledged(self, counts: Mapping[str, int]) -> None:
        """So many records of each source were taken."""
        for source, count in counts.items():
            self._add("acknowledged_records_total", count, source)
        self._put("last_acknowledged_timestamp_seconds", self.clock.now())

    def rejected(self, source: str, reason: str, count: int) -> None:
        """So many records were not, and will not be."""
        self._add("rejected_records_total", count, source, reason)

    def left_out(self, source: str, why: Why) -> None:
        """A record is not to be sent."""
        self._add("unselected_records_total", 1, source, why)

    def lost(self, source: str, count: int, reason: str) -> None:
        """So many bytes are gone unsent."""
        self._add("lost_bytes_total", count, source, reason)

    def redacted(self, rule: str) -> None:
        """A secret was taken out that this rule has found."""
        self._add("redacted_total", 1, rule)

    def lag(self, sources: Iterable[str], tracks: Iterable[Track]) -> None:
        """How far each source is behind now."""
        now, waiting, waited = self.clock.now(), dict[str, int](), dict[str, float]()
        for source in sources:
            waiting[source], waited[source] = 0, 0.0
        for one in tracks:
            source = one.source
            waiting[source] = waiting.get(source, 0) + one.lag_bytes()
            waited[source] = max(waited.get(source, 0.0), one.lag_seconds(now))
        for source, count in waiting.items():
            self._put("lag_bytes", count, source)
            self._put("lag_seconds", waited[source], source)

    def _put(self, name: str, value: float, *labels: str) -> None:
        self.registry.put(_family(name), (self.destination, *labels), self.clock.now(), value)

    def _add(self, name: str, by: float, *labels: str) -> None:
        self.registry.inc(_family(name), (self.destination, *labels), self.clock.now(), by)

    def _declare(self, name: str, *labels: str) -> None:
        self.registry.declare(_family(name), (self.destination, *labels), self.clock.now())
