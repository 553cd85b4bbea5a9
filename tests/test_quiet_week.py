"""Weeks in which nothing is wrong, and nobody hears of anything.

Healthy, with little traffic, with bursts, with silent nights, with the weekly deploy: a real
promtool evaluates the rules as shipped over what sidewatch would have shown.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.vocabulary import FAMILIES
from tests.support.firing import Story, fired
from tests.support.parts import Parts
from tests.support.week import SERVICES, Week, seen

KINDS = ("healthy", "low", "bursty", "nightly", "deploy")
# In a day of the normal run, each application has another kind.
DAYS = {
    "agledger": "healthy",
    "tripl": "low",
    "paas": "bursty",
    "pullapprove": "nightly",
    "kodiai": "deploy",
}
TOLD = {"critical", "warning"}
# Always firing, so that its silence is noticed.
STANDING = {"Watchdog"}
# A database that is down for twenty minutes, so that silence is not for want of ears.
UP = 'watched_postgres_up{app="control",database="shop"}'
CONTROL = Story("control", 120, {UP: [*[1.0] * 60, *[0.0] * 20, *[1.0] * 41]})


def false_alarms(parts: Parts, folder: Path, weeks: list[Week], every: int) -> list[str]:
    """What people would have been told, by week."""
    stories = []
    for week in weeks:
        (folder / week.name).mkdir()
        stories.append(week.story(folder / week.name))
    promtool, path = parts.need("promtool"), folder / "weeks.json"
    *found, control = fired(promtool, path, [*stories, CONTROL], every=every)
    heard = [one["alertname"] for one in control if one["app"] == CONTROL.app]
    assert heard == ["WatchedPostgresDown"]
    return [
        f"{week.name}: {one['alertname']} from minute {one.first} to {one.last}: "
        f"{dict(sorted(one.labels))}"
        for week, alerts in zip(weeks, found, strict=True)
        for one in alerts
        if one["severity"] in TOLD and one["alertname"] not in STANDING
    ]


@pytest.mark.real
def test_a_quiet_day_of_each_application_tells_nobody_anything(
    parts: Parts, tmp_path: Path
) -> None:
    days = [Week(app, kind, 1) for app, kind in DAYS.items()]
    assert not false_alarms(parts, tmp_path, days, every=5)


@pytest.mark.real
@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_quiet_week_of_all_applications_tells_nobody_anything(
    kind: str, parts: Parts, tmp_path: Path
) -> None:
    weeks = [Week(app, kind, 7) for app in SERVICES]
    assert not false_alarms(parts, tmp_path, weeks, every=5)


def test_what_is_seen_beside_the_logs_is_of_the_vocabulary() -> None:
    for name, labels, _ in seen(Week("kodiai", "deploy", 1)):
        family = FAMILIES[name.removesuffix("_total")] if name not in FAMILIES else FAMILIES[name]
        assert set(labels) == set(family.labels), name
