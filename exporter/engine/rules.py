"""What a profile says about logs, as data: when a rule applies, and what it moves.

The Structs are the grammar of the YAML: their fields are its keys. `plan` compiles them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from exporter.gauges import Aggregate
from exporter.model import Duration

Unit = Literal["s", "ms", "us", "ns", "1"]
SCALE: Mapping[Unit, float] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "1": 1.0}
Impact = Literal["page", "ticket", "info"]


class Label(Struct, frozen=True):
    """Where a label's value comes from: a constant, or a field and what is made of it.

    A field may be a dotted path, a name captured by the rule's template, or one of `message`,
    `level`, `service`, `stream`, `exception`. `map` turns the field's text into the value of the
    first pattern it fits (a literal, or a prefix ending in `*`); what fits none becomes `default`.
    Without `map`, `default` stands for an absent or empty field. An update one of whose labels is
    absent without a default does not happen.
    """

    field: str | None = None
    value: str | None = None
    default: str | None = None
    map: Mapping[str, str] | None = None
    lower: bool = False


class Count(Struct, frozen=True):
    """Add to a counter: 1, or the number in the field `by`."""

    metric: str
    labels: Mapping[str, Label]
    by: str | None = None


class Observe(Struct, frozen=True):
    """Put a duration (field `value`, in `unit`) into a histogram of seconds."""

    metric: str
    value: str
    labels: Mapping[str, Label]
    unit: Unit = "s"
    exemplar: str | None = None


class Set(Struct, frozen=True):
    """Set a gauge to the number in field `value`, times the unit.

    It shows `aggregate` of the values of the last `window` seconds; then it is gone.
    `per_stream`: each container or file keeps its own, and the gauge is their sum.
    """

    metric: str
    value: str
    labels: Mapping[str, Label]
    unit: Unit = "1"
    aggregate: Aggregate = "last"
    window: Duration = 300.0
    per_stream: bool = False


class Event(Struct, frozen=True):
    """A message worth a name: counted, and stamped with when it was read and when it happened."""

    name: str
    impact: Impact = "info"


class Drain(Struct, frozen=True):
    """A line of the application's own shutdown.

    `begin` starts it; `extend` moves its deadline; `end` and `abort` finish it, well or not. The
    field `grace` (in `unit`) counts from the record's time to the deadline.
    """

    step: Literal["begin", "extend", "end", "abort"]
    grace: str | None = None
    unit: Unit = "ms"


class Where(Struct, frozen=True):
    """A condition on one field; all that is said must hold.

    Its text fits one of the patterns in `values` (literals, or prefixes ending in `*`) and none of
    those in `none_of`; its number lies in [`min`, `max`].
    """

    field: str
    values: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None


class LogRule(Struct, frozen=True):
    """When all of `message`, `exception`, `format`, `level` and `where` hold, do everything below.

    `message` and `exception` are templates: literal text with `{name}` for a field that reaches up
    to the next literal text, `{name:number}` where it must be a number, `{*}` for anything, `{{`
    for a brace. Without braces it is a literal, which is the fastest. `exception` is held against
    the last line of a traceback ("ValueError: bad value").
    """

    message: str | None = None
    exception: str | None = None
    format: str | None = None
    level: tuple[str, ...] = ()
    where: tuple[Where, ...] = ()
    count: tuple[Count, ...] = ()
    observe: tuple[Observe, ...] = ()
    set: tuple[Set, ...] = ()
    event: Event | None = None
    heartbeat: str | None = None
    drain: Drain | None = None


class LogRules(Struct, frozen=True):
    """All that a profile says about logs.

    `heartbeats` gives each heartbeat's expected interval in seconds. `declare` lists label sets
    that are shown at 0 from the start, by metric (`service` need not be said).
    """

    rules: tuple[LogRule, ...] = ()
    heartbeats: Mapping[str, float] | None = None
    declare: Mapping[str, tuple[Mapping[str, str], ...]] | None = None
    timezone: str = "UTC"
