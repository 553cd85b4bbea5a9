"""A stack that is watched live: faults with a begin and a mend, and the messages that they make.

Everything waits for a share of its time: intervals of sidewatch, scrapes, the `for`, ranges and
ages of the rules, the waits of the routing. With a share of 1 they are the shipped ones, but for
the waits of the routing, which are 10 s for all, so that a message comes when its alert does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.demo.hurried import write_rules
from tests.support.parts import Parts
from tests.support.process import Running, running
from tests.support.routing import SHIPPED
from tests.support.servers import Alertmanager, alertmanager
from tests.support.waiting import free_port, wait_for
from tests.support.web import answers, get_json
from tests.support.webhook import Webhook, webhook

MINUTE = 60.0
GRACE = 15.0  # seconds that a slow machine gets, however short the waits are
WAIT = 10.0
SCRAPE = 15.0
PEOPLE = ("page", "ticket")

Told = tuple[str, str, str]  # firing or resolved, the alert, its application


@dataclass(frozen=True)
class Pace:
    """The share of their times that all things wait."""

    share: float

    def of(self, seconds: float) -> float:
        """That share."""
        return seconds * self.share

    def text(self, seconds: float, least: float = 1.0) -> str:
        """As configurations want it."""
        return f"{max(least, self.of(seconds)):g}s"


def nothing() -> None:
    """What a fault needs for its begin or mend that is done elsewhere."""


@dataclass(frozen=True)
class Fault:
    """One application, and what befalls it.

    `after`: seconds from the begin until its alert has to fire; `alert`: none where nobody is to
    hear of it. `held`: alerts of the same application that fire too, and are told to nobody.
    """

    app: str
    alert: str
    receiver: str
    after: float
    settings: Mapping[str, Any]
    begin: Callable[[], object]
    mend: Callable[[], object] = nothing
    held: frozenset[str] = frozenset()
    speak: Callable[[], object] = nothing  # what is said in health, again and again


@dataclass
class Course:
    """What has become of a fault: when it began, was told, and was over (0: not yet)."""

    fault: Fault
    began: float = 0.0
    told: float = 0.0
    held: set[str] = field(default_factory=set)
    mended: float = 0.0
    over: float = 0.0


@dataclass
class Stack:
    """The running programs."""

    pace: Pace
    sidewatch: Running
    prometheus: str
    manager: Alertmanager
    hook: Webhook
    heard: int = 0

    def messages(self) -> Iterator[tuple[str, Told]]:
        """What came since the last time: the receiver, and each alert of the message."""
        posts = self.hook.posts[self.heard :]
        self.heard += len(posts)
        for post in posts:
            for alert in post.body["alerts"]:
                labels = alert["labels"]
                told = (alert["status"], labels["alertname"], labels.get("app", ""))
                yield post.path.strip("/"), told

    def held(self) -> set[tuple[str, str]]:
        """The alerts that Alertmanager has and holds back, with their applications."""
        return {
            (one["labels"]["alertname"], one["labels"].get("app", ""))
            for one in self.manager.alerts()
            if one["status"]["inhibitedBy"]
        }

    def shown(self) -> set[str]:
        """The applications that Prometheus has scraped twice."""
        question = "count by (app) (count_over_time(sidewatch_app_info[1h]) >= 2)"
        found = get_json(f"{self.prometheus}/api/v1/query", query=question)["data"]["result"]
        return {one["metric"]["app"] for one in found}


@contextmanager
def stack(
    parts: Parts, sidewatch: Path, folder: Path, pace: Pace, faults: Sequence[Fault]
) -> Iterator[Stack]:
    """One sidewatch that watches the applications of all faults, and what carries its alerts."""
    apps = [{"name": one.app, **one.settings} for one in faults]
    config = folder / "sidewatch.yaml"
    config.write_text(json.dumps({"state": str(folder / "state"), "apps": apps}))
    address = f"127.0.0.1:{free_port()}"
    with ExitStack() as opened:
        hook = opened.enter_context(webhook())
        child = opened.enter_context(
            running(
                [sidewatch, "run", "--config", config],
                folder / "sidewatch.log",
                lambda: answers(f"http://{address}/readyz"),
                cwd=folder,
                env={"SIDEWATCH_LISTEN": address},
            )
        )
        binary = parts.need("prometheus-alertmanager")
        manager = opened.enter_context(
            alertmanager(binary, folder / "alertmanager", _routing(hook.url, pace))
        )
        server = opened.enter_context(_prometheus(parts, folder, pace, address, manager))
        yield Stack(pace, child, server, manager, hook)


def _routing(url: str, pace: Pace) -> dict[str, Any]:
    """The shipped one; without quiet hours, since it may be night."""
    config: dict[str, Any] = json.loads(json.dumps(SHIPPED))
    del config["templates"]
    for receiver in config["receivers"]:
        if receiver["name"] in PEOPLE:
            receiver["webhook_configs"] = [{"url": f"{url}/{receiver['name']}"}]
    for route in (config["route"], *config["route"]["routes"]):
        wait = pace.text(WAIT)
        route |= {"group_wait": wait, "group_interval": wait}
        route.pop("mute_time_intervals", None)
    return config


@contextmanager
def _prometheus(
    parts: Parts, folder: Path, pace: Pace, target: str, manager: Alertmanager
) -> Iterator[str]:
    """It scrapes and evaluates every 15 s, or the share of that; its URL."""
    every = pace.text(SCRAPE)
    rules = write_rules(folder / "rules", pace.share)
    static = {"static_configs": [{"targets": [target]}]}
    config = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(path) for path in rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager.address]}]}]},
        "scrape_configs": [{"job_name": "sidewatch", "honor_labels": True, **static}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    address = f"127.0.0.1:{free_port()}"
    url = f"http://{address}"
    command = (
        parts.need("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    )
    with running(command, folder / "prometheus.log", lambda: answers(f"{url}/-/ready")):
        yield url


def play(one: Stack, faults: Sequence[Fault], calm: float) -> list[Course]:
    """All faults at the same time, after some calm; each is mended once it and what it holds back
    have been told, and then waited for until it is over. What nobody should hear of is an error.
    """
    courses = [Course(fault) for fault in faults]
    for _ in _ticks(one, courses, calm):
        _hear(one, courses)
    wait_for(lambda: one.shown() >= {each.app for each in faults}, "all applications", within=90)
    for course in courses:
        course.fault.begin()
        course.began = time.time()
    longest = one.pace.of(max(each.after for each in faults) + 20 * MINUTE) + 4 * GRACE
    for _ in _ticks(one, courses, longest):
        _hear(one, courses)
        for course in courses:
            _go_on(one, course)
        if all(course.over or not course.fault.alert for course in courses):
            break
    return courses


def _ticks(one: Stack, courses: Sequence[Course], seconds: float) -> Iterator[None]:
    """Every now and then for so long, with the words of who is well."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for course in courses:
            if not course.began or course.mended or not course.fault.alert:
                course.fault.speak()
        assert one.sidewatch.alive()
        yield
        time.sleep(min(1.0, one.pace.of(MINUTE / 10)))


def _hear(one: Stack, courses: Sequence[Course]) -> None:
    """Note what came. Raises AssertionError for what nobody should have been told."""
    now = time.time()
    for receiver, told in one.messages():
        status, alert, app = told
        found = next((each for each in courses if each.fault.app == app), None)
        expected = found is not None and found.began and found.fault.alert == alert
        assert expected, f"{receiver} was told {told}"
        assert found is not None
        assert receiver == found.fault.receiver
        if status == "firing" and not found.told:
            found.told = now
        elif status == "resolved":
            assert found.mended, f"{told} before it was mended"
            found.over = now


def _go_on(one: Stack, course: Course) -> None:
    """Mend what has been told, once its effects are held back."""
    if not course.told or course.mended:
        return
    course.held |= {alert for alert, app in one.held() if app == course.fault.app}
    if course.held >= course.fault.held:
        course.fault.mend()
        course.mended = time.time()


def lateness(one: Stack, course: Course) -> float:
    """How many seconds after it had to fire a fault was told of, in full time."""
    return course.told - course.began - one.pace.of(course.fault.after)
