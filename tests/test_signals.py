"""Each fault that the runbooks name, from what the application really emits to one notification.

tests/signals.yaml lists the faults, and tests/signals/<id>.yaml plays each. Logs of some hours go
through sidewatch as `sidewatch replay --openmetrics` reads them; rows stand in a real PostgreSQL,
containers run on a real Docker Engine, tasks wait in a real RabbitMQ, endpoints and files are
really there, and sidewatch looks at them before and after. What it shows goes into the rules as
shipped (a real promtool evaluates them, minute by minute), and what fires goes to a real
Alertmanager. While the application is well, or only looks as if it were not, nobody hears of it; of
the fault they hear once. No timeline knows a rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import signals_page, yamls
from tests.support.docker import Dockerd
from tests.support.faults import FAULTS, files, told
from tests.support.firing import RULES as SHIPPED
from tests.support.firing import Firing, Story
from tests.support.notices import notified
from tests.support.parts import Parts
from tests.support.scraped import SCRAPED, Scraped
from tests.support.signals import CASES, Case, outcomes
from tests.support.staged import STAGED, Staged, stories
from tests.support.voices import forms

pytestmark = pytest.mark.first(seconds=150, reason="all signals are played at once")

RULES = {
    rule["alert"]: rule["labels"]
    for path in SHIPPED
    for group in yamls.read(path.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
LOGS = [name for name, one in FAULTS.items() if one["from"] == "logs"]
ALL: Sequence[Case | Scraped | Staged] = (*CASES, *SCRAPED, *STAGED)
FAULTY = [one for one in ALL if one.alerts]
FORMS = 3
NETWORK = "paas-apps"  # of what paas hosts
SERVERS = {"sql": "postgres", "container": "engine", "broker": "broker"}


@dataclass(frozen=True)
class Outcomes:
    """What fired over each case, and what was said of it; or why it could not be played.

    What was played lies in `folder`.
    """

    folder: Path
    fired: Mapping[str, Sequence[Firing]]
    notified: Mapping[str, Sequence[Mapping[str, Any]]]
    unplayed: Mapping[str, BaseException]

    def of(self, name: str) -> tuple[Sequence[Firing], Sequence[Mapping[str, Any]]]:
        """Both, of one case."""
        if name in self.unplayed:
            raise self.unplayed[name]
        return self.fired[name], self.notified[name]


@pytest.fixture(scope="module")
def engine(docker: Dockerd) -> Iterator[Dockerd]:
    """A daemon with a network for what paas hosts."""
    made = docker._docker("network", "create", NETWORK)
    if made.returncode:
        pytest.skip(f"the kernel does not let docker make a network ({made.stderr.strip()[-200:]})")
    yield docker
    docker("network", "rm", NETWORK)  # else its bridge stays with the machine


@pytest.fixture(scope="module")
def broker(request: pytest.FixtureRequest, parts: Parts) -> tuple[Parts, Any]:
    """A RabbitMQ, and where the Celery is from that works with it."""
    return parts, request.getfixturevalue("rabbit")


@pytest.fixture(scope="module")
def outcome(
    request: pytest.FixtureRequest, parts: Parts, tmp_path_factory: pytest.TempPathFactory
) -> Outcomes:
    """All cases that are to be tested at once, because a server's start costs more than a case."""
    asked = (getattr(item, "callspec", None) for item in request.session.items)
    params = [call.params.get("case") for call in asked if call]
    folder, promtool = tmp_path_factory.mktemp("signals"), parts.need("promtool")
    written = {one.name: one for one in params if isinstance(one, Case | Scraped)}
    staged = {one.name: one for one in params if isinstance(one, Staged)}
    for name in (*written, *staged):
        (folder / name).mkdir()
    told_of = {name: one.story(folder / name) for name, one in written.items()}
    with ThreadPoolExecutor(1) as aside:  # promtool has its time while others are waited for
        early = aside.submit(outcomes, promtool, folder / "written", told_of)
        played = _staged(request, list(staged.values()), folder)
        whole = {name: one for name, one in played.items() if isinstance(one, Story)}
        fired = {**early.result(), **outcomes(promtool, folder / "staged", whole)}
    begins = {name: one.minutes["fault"] for name, one in {**written, **staged}.items()}
    during = {
        name: [one for one in each if one.first >= begins[name]] for name, each in fired.items()
    }
    manager = parts.need("prometheus-alertmanager")
    unplayed = {name: one for name, one in played.items() if isinstance(one, BaseException)}
    posts = notified(manager, folder / "alertmanager", during)
    return Outcomes(folder, fired, posts, unplayed)


def _staged(
    request: pytest.FixtureRequest, cases: Sequence[Staged], folder: Path
) -> dict[str, Story | BaseException]:
    """Those that are staged, but for those whose server this machine does not let start."""
    servers: dict[str, Any] = {}
    missing: dict[str, BaseException] = {}
    for kind in {kind for case in cases for kind in case.by} & SERVERS.keys():
        try:
            servers[kind] = request.getfixturevalue(SERVERS[kind])
        except pytest.skip.Exception as why:
            missing[kind] = why
    unplayed = {case.name: missing[kind] for case in cases for kind in case.by if kind in missing}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exporter.sources.probes.round.FIRST_SECONDS", 0.1)
        played = stories([one for one in cases if one.name not in unplayed], folder, servers)
    return {**unplayed, **played}


def test_each_fault_of_the_list_has_its_file_and_each_file_its_fault() -> None:
    assert files() == set(FAULTS)


def test_the_page_says_what_the_files_say() -> None:
    assert signals_page.PAGE.read_text() == signals_page.page(), (
        "run python -m tests.support.signals_page"
    )


@pytest.mark.parametrize("name", sorted(files()))
def test_a_fault_is_played_to_each_of_its_alerts_and_its_severity_has_a_reason(name: str) -> None:
    one = told(name)
    assert one["because"]
    assert {*one["severity"].split(", ")} <= {RULES[alert]["severity"] for alert in one["alerts"]}
    ways = [each for each in FAULTY if each.signal == name]
    played = {alert["alertname"] for each in ways for alert in each.alerts}
    causes = {alert for each in FAULTS[name].get("also", ()) for alert in told(each)["alerts"]}
    assert {*one["alerts"]} <= played <= {*one["alerts"]} | causes


@pytest.mark.parametrize("name", LOGS)
def test_a_fault_of_logs_is_played_in_three_forms_that_differ(name: str) -> None:
    variants = told(name)["variants"]
    kinds = forms(FAULTS[name]["app"])
    assert len({str(kinds[one["form"]].voices) for one in variants}) == FORMS
    assert all(one["near"] and one["fault"] for one in variants)


@pytest.mark.real
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_nobody_hears_of_a_healthy_application_or_of_what_looks_like_the_fault(
    case: Case | Scraped | Staged, outcome: Outcomes
) -> None:
    fired, _ = outcome.of(case.name)
    assert not [one for one in fired if one.first < case.minutes["fault"] or not case.alerts]


@pytest.mark.real
@pytest.mark.parametrize("case", FAULTY, ids=lambda case: case.name)
def test_the_fault_is_one_notification(case: Case | Scraped | Staged, outcome: Outcomes) -> None:
    fired, posts = outcome.of(case.name)
    found = labels(the_one(posts, case.beside))
    for alert in case.alerts:
        wanted = {label: value.format(folder=outcome.folder) for label, value in alert.items()}
        assert any(one.items() >= wanted.items() for one in found), wanted
    if isinstance(case, Staged):
        assert len(found) == len(case.alerts)
        for alert in case.held:
            assert any(dict(one.labels).items() >= alert.items() for one in fired), alert


def the_one(posts: Sequence[Mapping[str, Any]], beside: frozenset[str]) -> Mapping[str, Any]:
    """The notification of the fault; those beside it are of the signals that were named."""
    rest = [one for one in posts if one["commonLabels"]["alertname"] not in beside]
    assert len(rest) == 1, [one["commonLabels"] for one in rest]
    (post,) = rest
    others = [label for one in posts if one is not post for label in labels(one)]
    assert {one["alertname"] for one in others} == beside
    assert {one["severity"] for one in others} <= {"warning"}
    return post


def labels(post: Mapping[str, Any]) -> list[dict[str, str]]:
    """Those of every alert that a notification tells of."""
    return [one["labels"] for one in post["alerts"]]
