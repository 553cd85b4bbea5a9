"""The exact reading: one line in; its record and every update that it makes out.

This is what `explain` shows, where the fast paths turn in doubt, and what tests hold them against.
It moves nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Any

from exporter.engine.joining import Lane, Step, step
from exporter.engine.plan import OWN_NAMES, Compiled, Effect, Lookup, Plan, Rules, Update
from parsers import Record
from parsers.cleaning import clean
from parsers.times import seconds

UNKNOWN = "unknown"  # the label of a record that tells no level


class Exact:
    """Reads the lines of one service; `zone` is that of times that name none."""

    def __init__(self, plan: Plan, service: str, stream: str, zone: tzinfo) -> None:
        self.plan = plan
        self.service = service
        self.stream = stream
        self.zone = zone
        self._record = _counted(plan, "watched_log_records_total")
        self._unparsed = _counted(plan, "watched_log_unparsed_total")
        self._exception = _counted(plan, "watched_exceptions_total")

    def read(self, lane: Lane, line: str) -> tuple[Step | None, list[Update]]:
        """Take a line; what it does and the updates it makes. None where it moves nothing."""
        found = step(lane, clean(line))
        return found, list(self.updates(found)) if found is not None else []

    def time(self, record: Record, since: float | None) -> float | None:
        """The record's own time, else its envelope's; seconds since 1970."""
        own = seconds(record.time, self.zone)
        return since if own is None else own

    def updates(self, found: Step) -> Iterator[Update]:
        """All that a step moves: the built-in counters, then the profile's rules."""
        if found.begins:
            yield Update(self._record, (self.service, found.record.level or UNKNOWN), 1.0)
            if found.record.format == "text":
                yield Update(self._unparsed, (self.service,), 1.0)
        if found.message:
            fitting = self.plan.by_message(found.record.message)
            if fitting.captured:
                yield from self._apply(fitting.rules, fitting.captured, found.record)
            if self.plan.unbound.all:
                yield from self._apply(self.plan.unbound, (), found.record)
        if found.exception is not None:
            yield Update(self._exception, (self.service, found.exception), 1.0)
            for one, captured in self.plan.by_exception(found.exception_line):
                yield from self._apply_exception(one, found, captured)

    def _apply(
        self, rules: Rules, captured: Sequence[dict[str, str]], record: Record
    ) -> Iterator[Update]:
        plain = self.lookup(record, {})
        names = {*OWN_NAMES, *record.fields} if rules.choice.switches else ()
        for place in rules.choice.places(plain, names):
            one = rules.all[place]
            if one.exception is not None:
                continue  # both templates: decided when the exception comes
            lookup = self.lookup(record, captured[place]) if captured else plain
            if one.holds(record, lookup):
                yield from one.updates(lookup)

    def _apply_exception(
        self, one: Compiled, found: Step, captured: dict[str, str]
    ) -> Iterator[Update]:
        named = one.message.match(found.record.message) if one.message else {}
        if named is None:
            return
        lookup = self.lookup(
            found.record, {**named, **captured, "exception": found.exception or ""}
        )
        if one.holds(found.record, lookup):
            yield from one.updates(lookup)

    def lookup(self, record: Record, captured: dict[str, str]) -> Lookup:
        """Names to values: what a template captured, the record's own, then its fields."""
        own: dict[str, Any] = {
            "message": record.message,
            "level": record.level,
            "service": self.service,
            "stream": self.stream,
            "exception": record.exception,
        }

        def look(name: str) -> Any:
            if name in captured:
                return captured[name]
            return own[name] if name in own else record.fields.get(name)

        return look


def _counted(plan: Plan, name: str) -> Effect:
    return Effect("count", plan.families[name], ())
