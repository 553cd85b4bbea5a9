"""One application's part of the page: sources, logs, probes, queues, errors, what is off."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from exporter.page.markup import Markup, Part, el
from exporter.page.plot import plot
from exporter.page.view import App, Destination, Probe, Queue, Source, Tone
from exporter.page.words import ago, number, size, span
from exporter.samples import ErrorGroup, Unparsed

MOST = 100  # rows of a table


def app(one: App, place: int, now: float, *, shown: bool) -> Markup:
    """All of it; what logs said only where that may be `shown`."""
    parts: list[Part] = [
        el("h2", one.name, el("span", f" profile {one.profile}", class_="dim"), id=f"h-{place}"),
        _problems(one),
        _part("Sources", _sources(one.sources, now), place),
        _part("Logs", _services(one, now), place),
        _part("Probes", _probes(one.probes), place),
        _part("Queues", _queues(one.queues), place),
        _part("Database", _queries(one, now), place),
        _part("Forwarding", _destinations(one.destinations, now), place),
        _part("Errors", _errors(one, place, now, shown=shown), place),
        _part("Lines not understood", _unparsed(one.unparsed, now) if shown else None, place),
        _part("Not measured", _off(one), place),
    ]
    return el("section", parts, class_="app", id=f"app-{place}", aria_labelledby=f"h-{place}")


def _part(title: str, content: Part, place: int) -> Markup | None:
    if content is None:
        return None
    mark = title.lower().replace(" ", "-")
    return el("div", el("h3", title), content, class_=f"part {mark}", id=f"{mark}-{place}")


def _problems(one: App) -> Markup:
    if not one.problems:
        return el("p", _state("good", "Nothing needs a look"))
    items = [el("li", _state("bad", text)) for text in one.problems]
    return el("ul", items, class_="problems")


def _state(tone: Tone, text: str) -> Markup:
    return el("span", el("span", class_="dot", aria_hidden="true"), text, class_=f"state {tone}")


def _table(heads: Sequence[str], rows: Iterable[Sequence[Part]], name: str) -> Markup | None:
    """Cells know their column's name, which a narrow screen shows beside them."""
    found = [
        el(
            "tr",
            el("th", row[0], scope="row"),
            [el("td", cell, data_head=head) for head, cell in zip(heads[1:], row[1:], strict=True)],
        )
        for row in rows
    ]
    if not found:
        return None
    head = el("thead", el("tr", [el("th", one, scope="col") for one in heads]))
    table = el("table", el("caption", name), head, el("tbody", found[:MOST]))
    if len(found) <= MOST:
        return table
    return el("div", table, el("p", f"and {len(found) - MOST} more", class_="dim"))


def _sources(sources: Iterable[Source], now: float) -> Markup | None:
    rows = [
        (
            one.name,
            one.kind,
            _state(one.tone, one.state),
            _unread(one),
            ago(one.looked, now),
        )
        for one in sources
    ]
    return _table(("Source", "Kind", "State", "Unread", "Last look"), rows, "Sources")


def _unread(one: Source) -> str | None:
    if one.lag_bytes is None:
        return None
    return f"{size(one.lag_bytes)}, {span(one.lag_seconds or 0)}" if one.lag_bytes else "nothing"


def _services(one: App, now: float) -> Markup | None:
    rows = [
        (
            each.name,
            ago(each.newest, now) if each.newest is not None else "not known",
            number(each.lines),
            number(each.unparsed) if each.unparsed else "none",
        )
        for each in one.services
    ]
    heads = ("Service", "Last line", "Lines read", "Not understood")
    return _table(heads, rows, "Logs by service")


def _probes(probes: Iterable[Probe]) -> Markup | None:
    rows = [
        (
            one.name,
            one.kind,
            _state(one.tone, one.state),
            "not known" if one.took is None else span(one.took),
            plot(one.hour),
        )
        for one in probes
    ]
    return _table(("Probe", "Kind", "State", "Latency", "Last hour"), rows, "Probes")


def _queues(queues: Iterable[Queue]) -> Markup | None:
    def depth(one: Queue) -> Part:
        known = [(state, count) for state, count in one.states if count]
        if not known:
            return "empty" if one.states else "not known"
        return ", ".join(f"{number(count)} {state}" for state, count in known)

    rows = [
        (
            one.name,
            depth(one),
            _oldest(one),
        )
        for one in queues
    ]
    return _table(("Queue", "Jobs", "Oldest"), rows, "Queues")


def _oldest(one: Queue) -> str:
    if one.age is None:
        return "not known"
    return f"{span(one.age)} since {one.clock}" if one.age else "none waits"


def _queries(one: App, now: float) -> Markup | None:
    rows = [
        (each.name, _state("bad" if each.late else "good", "late" if each.late else "answered"),
         ago(each.last, now))
        for each in one.queries
    ]  # fmt: skip
    table = _table(("Query", "State", "Last answer"), rows, "Queries of the database")
    if table is None:
        return None
    last = max(each.last for each in one.queries)
    late = sum(each.late for each in one.queries)
    count = len(one.queries)
    told = f"{count} {'query' if count == 1 else 'queries'}, the last answer {ago(last, now)}"
    told += f", {late} late" if late else ""
    return el("details", el("summary", told), table)


def _destinations(destinations: Iterable[Destination], now: float) -> Markup | None:
    rows = [
        (
            one.name,
            _state(one.tone, one.state),
            f"{size(one.lag_bytes)}, {span(one.lag_seconds)}" if one.lag_bytes else "nothing",
            ago(one.acknowledged, now),
            number(one.records),
            size(one.lost) if one.lost else "nothing",
        )
        for one in destinations
    ]
    heads = ("Destination", "State", "Waits", "Last acknowledged", "Records taken", "Lost")
    return _table(heads, rows, "Forwarding by destination")


def _errors(one: App, place: int, now: float, *, shown: bool) -> Markup | None:
    counted = [
        el("li", el("code", kind), f" {number(count)} in {service}")
        for service, kind, count in one.exceptions
    ]
    groups = [_group(each, place, now) for each in one.errors] if shown else []
    if not counted and not groups:
        return None
    kinds = el("ul", counted, class_="counts", aria_label="Exceptions by type") if counted else None
    return el("div", kinds, groups)


def _group(one: ErrorGroup, place: int, now: float) -> Markup:
    mark = hashlib.blake2b(
        f"{place}/{one.service}/{one.first}/{one.mark}".encode("utf-8", "replace"), digest_size=6
    ).hexdigest()
    times = f"{one.service}, {one.level}, seen {_times(one.seen)}, last {ago(one.last, now)}"
    return el(
        "details",
        el("summary", el("span", one.title, class_="title"), el("span", times, class_="dim")),
        el("pre", one.text, tabindex="0", role="group", aria_label="Sample"),
        id=f"e-{mark}",
    )


def _times(count: int) -> str:
    """Not all are looked at, so it may be more."""
    return "once or more" if count == 1 else f"{number(count)} times or more"


def _unparsed(lines: Iterable[Unparsed], now: float) -> Markup | None:
    items = [
        el(
            "li",
            el("code", one.text),
            el("span", f"{one.service}: {one.reason}, {ago(one.at, now)}", class_="dim"),
        )
        for one in lines
    ]
    return el("ul", items, class_="lines") if items else None


def _off(one: App) -> Markup | None:
    items = [part for each in one.off[:MOST] for part in (el("dt", each.name), el("dd", each.why))]
    return el("dl", items) if items else None
