"""Snapshots, as a scrape would see them, into what the page says of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from exporter.model import Snapshot
from exporter.page.history import History, Key
from exporter.page.view import App, Destination, Off, Probe, Query, Queue, Service, Source, Tone
from exporter.page.words import span
from exporter.samples import Samples

STALE_INTERVALS = 3
CLOCKS = ("due", "enqueued", "claimed", "progress")
MOST_EXCEPTIONS = 8
DISABLED = {
    "missing": "a table or column is not there",
    "privilege": "the role may not read what it needs",
    "version": "it is not for this server",
    "slow": "it took too long twice in a row",
    "broken": "it failed twice in a row",
}


class Facts(Struct, frozen=True):
    """What is known of an application beside its series: its sources by name and kind."""

    name: str
    profile: str
    sources: tuple[tuple[str, str], ...]
    samples: Samples


class _Series:
    """The series of one snapshot by metric, as labels and value; what is not known is left out."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._families = {family.name: (family, some) for family, some in snapshot.layout}
        self._values = snapshot.values

    def all(self, metric: str) -> Iterator[tuple[dict[str, str], float]]:
        if metric not in self._families:
            return
        family, some = self._families[metric]
        for one in some:
            value = self._values[one.index] if one.index < len(self._values) else math.nan
            if not math.isnan(value):
                yield dict(zip(family.labels, one.labels, strict=True)), value

    def by(self, metric: str, label: str) -> dict[str, float]:
        return {labels[label]: value for labels, value in self.all(metric)}


def gather(
    facts: Iterable[Facts], snapshots: Sequence[Snapshot], history: History, now: float
) -> tuple[App, ...]:
    """Each application, in the order of the facts."""
    series = {dict(one.constant).get("app"): _Series(one) for one in snapshots}
    found = ((one, series.get(one.name)) for one in facts)
    return tuple(_app(one, own, history, now) for one, own in found if own is not None)


def latencies(snapshot: Snapshot) -> Iterator[tuple[Key, float | None]]:
    """Each probe of an application, and what its last answer took; None where it failed."""
    own, name = _Series(snapshot), dict(snapshot.constant).get("app", "")
    took = _took(own)
    for labels, value in own.all("watched_probe_success"):
        probe = labels["probe"], labels["kind"]
        yield (name, *probe), took.get(probe) if value else None


def _took(own: _Series) -> dict[tuple[str, str], float]:
    """What each probe's last answer took, all phases of it."""
    found: dict[tuple[str, str], float] = {}
    for labels, value in own.all("watched_probe_duration_seconds"):
        probe = labels["probe"], labels["kind"]
        found[probe] = found.get(probe, 0.0) + value
    return found


def _app(facts: Facts, own: _Series, history: History, now: float) -> App:
    sources = tuple(_sources(facts, own, now))
    probes = tuple(_probes(facts.name, own, history, now))
    queries = tuple(_queries(own, now))
    destinations = tuple(_destinations(own))
    problems = [f"{one.name}: {one.state}" for one in sources if one.tone in ("bad", "watch")]
    problems += [
        f"probe {one.name} ({one.kind}): {one.state}" for one in probes if one.tone == "bad"
    ]
    problems += [
        f"query {one.name}: no answer for {span(now - one.last)}" for one in queries if one.late
    ]
    problems += [
        f"forwarding to {one.name}: {one.state}" for one in destinations if one.tone == "bad"
    ]
    return App(
        name=facts.name,
        profile=facts.profile,
        problems=tuple(problems),
        sources=sources,
        services=tuple(_services(own)),
        queries=queries,
        queues=tuple(_queues(own)),
        probes=probes,
        destinations=destinations,
        exceptions=tuple(_exceptions(own)),
        off=tuple(_off(own)),
        # Those that came last on top, where they stay: a page that is read does not jump.
        errors=tuple(
            sorted(map(replace, facts.samples.errors.values()), key=lambda one: -one.first)
        ),
        unparsed=tuple(reversed(facts.samples.lines)),
    )


def _sources(facts: Facts, own: _Series, now: float) -> Iterator[Source]:
    up = own.by("sidewatch_source_up", "source")
    looked = own.by("sidewatch_source_last_success_timestamp_seconds", "source")
    every = own.by("sidewatch_source_interval_seconds", "source")
    seconds = own.by("sidewatch_source_lag_seconds", "source")
    waiting = own.by("sidewatch_source_lag_bytes", "source")
    behind = own.by("sidewatch_source_catching_up", "source")
    reasons: dict[str, list[str]] = {}
    for labels, count in own.all("sidewatch_source_failures_total"):
        if count:
            reasons.setdefault(labels["source"], []).append(f"{count:.0f} times {labels['reason']}")
    for name, kind in facts.sources:
        last, lag = looked.get(name), seconds.get(name)
        limit = max(60.0, STALE_INTERVALS * every.get(name, 0.0))
        state = "answers" if lag is None else "read to its end"
        tone: Tone = "good"
        if up.get(name) == 0:
            why = ", ".join(reasons.get(name, ())) or "no reason told"
            state, tone = f"cannot be read ({why})", "bad"
        elif last is None:
            state, tone = "not looked at yet", "off"
        elif behind.get(name):
            state, tone = f"catching up, {span(lag or 0.0)} behind", "watch"
        elif now - last > limit:
            state, tone = f"silent for {span(now - last)}", "bad"
        yield Source(name, kind, tone, state, lag, waiting.get(name), last)


def _services(own: _Series) -> Iterator[Service]:
    newest = own.by("watched_log_newest_timestamp_seconds", "service")
    unparsed = own.by("watched_log_unparsed_total", "service")
    lines: dict[str, float] = {}
    for labels, value in own.all("watched_log_lines_total"):
        lines[labels["service"]] = lines.get(labels["service"], 0.0) + value
    for name in sorted({*newest, *lines}):
        yield Service(name, newest.get(name), lines.get(name, 0.0), unparsed.get(name, 0.0))


def _queries(own: _Series, now: float) -> Iterator[Query]:
    every = own.by("sidewatch_query_interval_seconds", "query")
    for name, at in sorted(
        own.by("sidewatch_query_last_success_timestamp_seconds", "query").items()
    ):
        yield Query(name, at, now - at > max(60.0, STALE_INTERVALS * every.get(name, 0.0)))


def _queues(own: _Series) -> Iterator[Queue]:
    states: dict[str, list[tuple[str, float]]] = {}
    ages: dict[str, dict[str, float]] = {}
    for labels, value in own.all("watched_queue_jobs"):
        states.setdefault(labels["queue"], []).append((labels["state"], value))
    for labels, value in own.all("watched_queue_oldest_age_seconds"):
        ages.setdefault(labels["queue"], {})[labels["clock"]] = value
    for name in sorted({*states, *ages}):
        known = ages.get(name, {})
        clock = next((one for one in CLOCKS if one in known), "")
        yield Queue(name, tuple(states.get(name, ())), known.get(clock), clock)


def _probes(app: str, own: _Series, history: History, now: float) -> Iterator[Probe]:
    took = _took(own)
    failing = {
        (labels["probe"], labels["kind"]): labels["reason"]
        for labels, value in own.all("watched_probe_failing")
        if value
    }
    for labels, value in own.all("watched_probe_success"):
        key = name, kind = labels["probe"], labels["kind"]
        state = "answers" if value else f"fails ({failing.get(key, 'reason not known')})"
        hour = history.hour((app, name, kind), now)
        yield Probe(name, kind, "good" if value else "bad", state, took.get(key), hour)


def _destinations(own: _Series) -> Iterator[Destination]:
    def summed(metric: str) -> Mapping[str, float]:
        found: defaultdict[str, float] = defaultdict(float)
        for labels, value in own.all(f"sidewatch_forward_{metric}"):
            found[labels["destination"]] += value
        return found

    waiting, records = summed("lag_bytes"), summed("acknowledged_records_total")
    lost, seconds = summed("lost_bytes_total"), dict[str, float]()
    for labels, value in own.all("sidewatch_forward_lag_seconds"):
        name = labels["destination"]
        seconds[name] = max(value, seconds.get(name, 0.0))
    last = own.by("sidewatch_forward_last_acknowledged_timestamp_seconds", "destination")
    may = own.by("sidewatch_forward_lag_objective_seconds", "destination")
    for name, up in own.by("sidewatch_forward_up", "destination").items():
        lag = seconds.get(name, 0.0)
        tone: Tone = "good" if up else "watch"
        state = "takes what it is sent" if up else "does not take anything now"
        if lag > may.get(name, math.inf):
            tone, state = "bad", f"{span(lag)} behind"
        yield Destination(
            name, tone, state, lag, waiting[name], last.get(name), records[name], lost[name]
        )


def _exceptions(own: _Series) -> list[tuple[str, str, float]]:
    found = [
        (labels["service"], labels["type"], value)
        for labels, value in own.all("watched_exceptions_total")
        if value
    ]
    return sorted(found, key=lambda one: -one[2])[:MOST_EXCEPTIONS]


def _off(own: _Series) -> Iterator[Off]:
    for labels, value in own.all("sidewatch_query_disabled"):
        if value:
            reason = labels["reason"]
            yield Off(f"query {labels['query']}", DISABLED.get(reason, reason))
    for labels, value in own.all("sidewatch_series_dropped_total"):
        if value:
            metric, label = labels.get("metric", ""), labels.get("label", "")
            yield Off(metric, f"more values of {label} than its limit: the rest is `other`")
