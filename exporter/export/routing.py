"""Alertmanager's configuration: the shipped one, with an operator's receivers and hours in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from msgspec import Struct

from exporter.errors import ExportError
from exporter.export.keep import keepable
from exporter.export.receivers import OLDEST, Version, Way, checked_url, deadman, ways
from exporter.export.shipped import FOLDER
from exporter.export.variables import Variables, spelled

SHIPPED = FOLDER / "alertmanager" / "alertmanager.yaml"
TEMPLATE = FOLDER / "alertmanager" / "sidewatch.tmpl"
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
EMPTY_GRAFANA = '$grafana := ""'
NO_DEADMAN = (
    f"nobody notices when all of this is dead: set {spelled('deadman_url')} to a check outside of"
    " this host (docs/alerting.md), or to `elsewhere` if something else watches it"
)
ELSEWHERE = "elsewhere"


class Routing(Struct, frozen=True):
    """Two files, the oldest Alertmanager that reads them, and what is worth knowing."""

    configuration: str
    template: str
    needs: Version
    notes: tuple[str, ...]


def routing(given: Variables, keep_labels: Sequence[str] = ()) -> Routing:
    """Render both files. Raises ExportError."""
    alarm = None if given.get("deadman_url") == ELSEWHERE else deadman(given)
    known = ways(given)
    pages = _told_by(given, "page_by", known, tuple(known))
    rest = tuple(name for name in known if name != "pagerduty")
    tickets = _told_by(given, "ticket_by", known, rest or tuple(known))
    receivers = [
        _receiver("page", pages),
        _receiver("ticket", tickets),
        _receiver("deadman", [alarm] if alarm else []),
        _receiver("nobody", []),
    ]
    text = SHIPPED.read_text(encoding="utf-8")
    text = _replaced(text, "receivers", yaml.safe_dump(receivers, sort_keys=False, width=1000))
    text = _replaced(text, "time_intervals", _quiet_hours(given))
    apart = ", ".join(["app", *keepable(keep_labels)])
    text = re.sub(r"(group_by|equal): \[app", rf"\1: [{apart}", text)
    used = [*pages, *tickets, *([alarm] if alarm else [])]
    needs = max((way.needs for way in used), default=OLDEST)
    template = TEMPLATE.read_text(encoding="utf-8")
    if "grafana_url" in given:
        place = json.dumps(checked_url("grafana_url", given["grafana_url"]).rstrip("/"))
        template = template.replace(EMPTY_GRAFANA, f"$grafana := {place}")
    return Routing(_headed(text, needs), template, needs, tuple(_notes(given, used, pages)))


def nag(environ: Mapping[str, str]) -> str | None:
    """What to say as long as no dead man's switch is set."""
    names = ("deadman_url", "deadman_url_file")
    return None if any(environ.get(spelled(name)) for name in names) else NO_DEADMAN


def spelled_version(needs: Version) -> str:
    """A version as it is written."""
    return ".".join(map(str, needs))


def _told_by(
    given: Variables, name: str, known: Mapping[str, Way], otherwise: Iterable[str]
) -> list[Way]:
    wanted = given.get(name)
    # Each once, or everybody would be told twice.
    names = dict.fromkeys(one.strip() for one in wanted.split(",")) if wanted else otherwise
    for one in names:
        if one not in known:
            there = ", ".join(known) or "none"
            raise ExportError(f"{spelled(name)} names {one}, which is not set; set are: {there}")
    return [known[one] for one in names]


def _receiver(name: str, told: Iterable[Way]) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name}
    for way in told:
        made.setdefault(way.key, []).append(dict(way.block))
    return made


def _quiet_hours(given: Variables) -> str:
    if "quiet_hours" not in given:
        if "quiet_zone" in given:
            raise ExportError(f"{spelled('quiet_hours')} is missing; give hours like 22:00-07:00")
        return yaml.safe_dump([{"name": "quiet-hours", "time_intervals": []}], sort_keys=False)
    found = HOURS.fullmatch(given["quiet_hours"])
    start, end = (f"{found[1]}:{found[2]}", f"{found[3]}:{found[4]}") if found else ("", "")
    if start == end or end > "24:00":
        raise ExportError(f"{spelled('quiet_hours')} is no span like 22:00-07:00")
    spans = [(start, end)] if start < end else [(start, "24:00"), ("00:00", end)]
    times = [{"start_time": a, "end_time": b} for a, b in spans if a != b]
    hours = [{"times": times, "location": _zone(given.get("quiet_zone", "UTC"))}]
    made = [{"name": "quiet-hours", "time_intervals": hours}]
    return yaml.safe_dump(made, sort_keys=False)


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (OSError, KeyError, ValueError):
        wrong = f"{spelled('quiet_zone')} is no time zone like UTC or Europe/Berlin"
        raise ExportError(wrong) from None


def _replaced(text: str, key: str, items: str) -> str:
    """A top-level list of the text, replaced; it ends before a blank line."""
    block = re.compile(rf"^{key}:\n(?:(?: |-).*\n)+", re.MULTILINE)
    made = "".join(f"  {line}\n" for line in items.splitlines())
    text, count = block.subn(lambda _: f"{key}:\n{made}", text)
    if count != 1:
        raise ExportError(f"{SHIPPED} has no list {key}")
    return text


def _headed(text: str, needs: Version) -> str:
    """The text with a first comment of its own in place of the shipped one."""
    said = (
        "# Written by `sidewatch export alertmanager`: the shipped routing, with what is set in it."
        f"\n# Needs Alertmanager {spelled_version(needs)} or newer; secrets stay in files.\n"
    )
    return said + re.sub(r"\A(?:#.*\n)+", "", text)


def _notes(given: Variables, used: Sequence[Way], pages: Sequence[Way]) -> Iterable[str]:
    if not pages:
        yield "nobody is told of anything yet: set a receiver (docs/alerting.md)"
    for way in {way.name: way for way in used if way.needs > OLDEST}.values():
        yield f"{way.name} needs Alertmanager {spelled_version(way.needs)} or newer"
    if not given.keys() & {"deadman_url", "deadman_url_file"}:
        yield NO_DEADMAN
