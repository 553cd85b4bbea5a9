"""Each fault that the runbooks name, from what the application really emits to one notification.

tests/signals.yaml lists the faults, and tests/signals/<id>.yaml plays one. Logs of some hours go
through sidewatch, as `sidewatch replay --openmetrics` reads them, into the rules as shipped (a real
promtool evaluates them, minute by minute), and what fires goes to a real Alertmanager. While the
application is well, or only looks as if it were not, nobody hears of it; of the fault they hear
once. No timeline knows a rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import signals_page
from tests.support.faults import FAULTS, files, played, told
from tests.support.firing import RULES as SHIPPED
from tests.support.firing import Firing
from tests.support.notices import notified
from tests.support.parts import Parts
from tests.support.scraped import SCRAPED, Scraped
from tests.support.signals import CASES, Case, outcomes

ROOT = Path(__file__).parents[1]
LOGS = [name for name, one in FAULTS.items() if one["from"] == "logs"]
OTHERS = {
    f"{one['signal']}-{number}": one
    for number, one in enumerate(played("sql", "probe", "file"))
    if one["alerts"]
}
CONTAINERS = {
    f"{one['signal']}-{number}": one
    for number, one in enumerate(
        yaml.safe_load((ROOT / "tests/answers/containers.yaml").read_text())["faults"]
    )
}
RULES = {
    rule["alert"]: rule["labels"]
    for path in SHIPPED
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
FORMS = 3
TOLD = ("alerts", "held", "holds", "beside")


@dataclass(frozen=True)
class Outcomes:
    """What fired over each case, and what was said of it."""

    fired: Mapping[str, Sequence[Firing]]
    notified: Mapping[str, Sequence[Mapping[str, Any]]]


@pytest.fixture(scope="module")
def outcome(
    request: pytest.FixtureRequest, parts: Parts, tmp_path_factory: pytest.TempPathFactory
) -> Outcomes:
    """All cases that are to be tested at once, because a server's start costs more than a case."""
    asked = (getattr(item, "callspec", None) for item in request.session.items)
    params = (call.params.get("case") for call in asked if call)
    cases = {one.name: one for one in params if isinstance(one, Case | Scraped)}
    folder = tmp_path_factory.mktemp("signals")
    fired = outcomes(parts.need("promtool"), folder, list(cases.values()))
    during = {
        name: [one for one in each if one.first >= cases[name].minutes["fault"]]
        for name, each in fired.items()
    }
    manager = parts.need("prometheus-alertmanager")
    return Outcomes(fired, notified(manager, folder / "alertmanager", during))


def test_each_fault_of_the_list_has_its_file_and_each_file_its_fault() -> None:
    assert files() == set(FAULTS)


def test_the_page_says_what_the_files_say() -> None:
    assert signals_page.PAGE.read_text() == signals_page.page(), (
        "run python -m tests.support.signals_page"
    )


@pytest.mark.parametrize("name", sorted(files()))
def test_a_fault_is_played_and_its_severity_has_a_reason(name: str) -> None:
    one = told(name)
    assert one["because"]
    assert {*one["severity"].split(", ")} <= {RULES[alert]["severity"] for alert in one["alerts"]}
    assert len({"variants", "faults", "scraped", "played"} & one.keys()) == 1
    assert "played" not in one or (ROOT / one["played"]).exists()


@pytest.mark.parametrize("name", LOGS)
def test_a_fault_of_logs_is_played_in_three_forms_that_differ(name: str) -> None:
    variants = told(name)["variants"]
    assert len({one["form"] for one in variants}) == FORMS
    assert all(one["near"] and one["fault"] for one in variants)


@pytest.mark.real
@pytest.mark.parametrize("case", [*CASES, *SCRAPED], ids=lambda case: case.name)
def test_nobody_hears_of_a_healthy_application_or_of_what_looks_like_the_fault(
    case: Case | Scraped, outcome: Outcomes
) -> None:
    early = [one for one in outcome.fired[case.name] if one.first < case.minutes["fault"]]
    assert not early


@pytest.mark.real
@pytest.mark.parametrize("case", [*CASES, *SCRAPED], ids=lambda case: case.name)
def test_the_fault_is_one_notification(case: Case | Scraped, outcome: Outcomes) -> None:
    post = the_one(outcome.notified[case.name], case.beside)
    assert any(one.items() >= case.notified.items() for one in labels(post))
    assert case.notified["alertname"] in told(case.signal)["alerts"]


# -- what is played by the tests of other sources --------------------------------------------------


@pytest.fixture(scope="module")
def others(
    parts: Parts, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """What is said of the alerts that those tests have shown to fire, and no other."""
    fired = {
        name: [_firing(one["app"], alert) for key in TOLD for alert in one.get(key, ())]
        for name, one in {**OTHERS, **CONTAINERS}.items()
    }
    manager = parts.need("prometheus-alertmanager")
    return notified(manager, tmp_path_factory.mktemp("others"), fired)


def _firing(app: str, alert: Mapping[str, str]) -> Firing:
    own = {name: value for name, value in alert.items() if name != "alert"}
    given = {"app": app, "alertname": alert["alert"]} | RULES[alert["alert"]] | own
    return Firing(frozenset(given.items()), 0, 0)


@pytest.mark.real
@pytest.mark.parametrize("name", OTHERS)
def test_the_fault_of_another_source_is_one_notification(
    name: str, others: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    fault = OTHERS[name]
    post = the_one(others[name], frozenset(one["alert"] for one in fault.get("beside", ())))
    assert {one["alertname"] for one in labels(post)} <= {*told(fault["signal"])["alerts"]}
    assert len(labels(post)) == len(fault["alerts"])


@pytest.mark.real
@pytest.mark.parametrize("name", CONTAINERS)
def test_what_befalls_containers_at_once_is_one_notification_for_each_kind_of_fault(
    name: str, others: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    kinds = [post["commonLabels"]["alertname"] for post in others[name]]
    assert sorted(kinds) == sorted({one["alert"] for one in CONTAINERS[name]["alerts"]})
    assert {*kinds} <= {*told(CONTAINERS[name]["signal"])["alerts"]}


def the_one(posts: Sequence[Mapping[str, Any]], beside: frozenset[str]) -> Mapping[str, Any]:
    """The notification of the fault; those beside it are of the signals that were named."""
    (post,) = [one for one in posts if one["commonLabels"]["alertname"] not in beside]
    others = [label for one in posts if one is not post for label in labels(one)]
    assert {one["alertname"] for one in others} == beside
    assert {one["severity"] for one in others} <= {"warning"}
    return post


def labels(post: Mapping[str, Any]) -> list[dict[str, str]]:
    """Those of every alert that a notification tells of."""
    return [one["labels"] for one in post["alerts"]]
