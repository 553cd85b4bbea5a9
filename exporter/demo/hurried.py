"""The shipped rules and routing in the applications' time: five minutes of theirs pass sooner.

What waits or looks back does so for a share of its time, and nothing else is changed; so whoever
watches need not wait for minutes, and sees what happens in the order in which it does.
"""

from __future__ import annotations

import re
from pathlib import Path

from exporter.export.routing import SHIPPED, TEMPLATE
from exporter.export.shipped import subjects

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SHORTEST_RANGE = 5.0  # seconds, so that there are some scrapes in it
PART = re.compile(r"(\d+)(ms|[smhd])")
DURATION = r"(?:\d+(?:ms|[smhd]))+"
RANGE = re.compile(rf"(?<=[\[:])(?P<time>{DURATION})(?=[\]:])|(?<=\boffset )(?P<back>{DURATION})")
WAIT = re.compile(
    r"^(?P<name>\s*(?:for|keep_firing_for|group_wait|group_interval|repeat_interval): )"
    rf"(?P<time>{DURATION})",
    re.MULTILINE,
)
# How long ago something was, compared with a number of seconds.
AGO = re.compile(r"(?P<ago>\btime\(\) -[^<>]*[<>] )(?P<seconds>\d+)$", re.MULTILINE)
RECEIVERS = ("page", "ticket")


def write_rules(folder: Path, share: float) -> list[Path]:
    """The rules with `share` of their times, as files for Prometheus."""
    folder.mkdir()
    paths = []
    for one in subjects():
        paths.append(folder / f"{one.name}.yaml")
        paths[-1].write_text(hurried_rules(one.text, share), encoding="utf-8")
    return paths


def write_routing(folder: Path, share: float, url: str) -> Path:
    """The routing with `share` of its times, whose receivers post to `url`/NAME."""
    text = _hurried_waits(SHIPPED.read_text(encoding="utf-8"), share)
    for name in RECEIVERS:
        posts = f"\n    webhook_configs: [{{url: '{url}/{name}'}}]"
        text = text.replace(f"\n  - name: {name}\n", f"\n  - name: {name}{posts}\n")
    (folder / TEMPLATE.name).write_text(TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
    path = folder / "alertmanager.yml"
    path.write_text(text, encoding="utf-8")
    return path


def hurried_rules(text: str, share: float) -> str:
    """A file of rules, in which each range, each wait and each age is a share of what it was."""

    def looks_back(found: re.Match[str]) -> str:
        if found["back"]:
            return _duration(_seconds(found["back"]) * share)
        return _duration(max(SHORTEST_RANGE, _seconds(found["time"]) * share))

    def ago(found: re.Match[str]) -> str:
        return f"{found['ago']}{float(found['seconds']) * share:g}"

    return AGO.sub(ago, RANGE.sub(looks_back, _hurried_waits(text, share)))


def _hurried_waits(text: str, share: float) -> str:
    def waits(found: re.Match[str]) -> str:
        return f"{found['name']}{_duration(_seconds(found['time']) * share)}"

    return WAIT.sub(waits, text)


def _seconds(text: str) -> float:
    return sum(int(number) * UNITS[unit] for number, unit in PART.findall(text))


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms" if seconds else "0s"
