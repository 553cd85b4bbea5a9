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

from tests.support.firing import Firing
from tests.support.notices import notified
from tests.support.parts import Parts
from tests.support.signals import APPS, CASES, FOLDER, Case, outcomes, told

ROOT = Path(__file__).parents[1]
FAULTS: dict[str, dict[str, Any]] = {
    one["id"]: {"app": app, **one}
    for app, rows in yaml.safe_load((ROOT / "tests/signals.yaml").read_text()).items()
    for one in rows
}
LOGS = [name for name, one in FAULTS.items() if one["from"] == "logs"]
FORMS = 3


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
    cases = {one.name: one for one in params if isinstance(one, Case)}
    folder = tmp_path_factory.mktemp("signals")
    fired = outcomes(parts.need("promtool"), folder, list(cases.values()))
    during = {
        name: [one for one in each if one.first >= cases[name].minutes["fault"]]
        for name, each in fired.items()
    }
    manager = parts.need("prometheus-alertmanager")
    return Outcomes(fired, notified(manager, folder / "alertmanager", during))


def test_each_fault_of_the_list_has_its_file_and_each_file_its_fault() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} >= set(LOGS)
    assert {path.stem for path in FOLDER.glob("*.yaml")} <= set(FAULTS)
    assert {FAULTS[name]["app"] for name in LOGS} == set(APPS.values())


@pytest.mark.parametrize("name", LOGS)
def test_a_fault_of_logs_is_played_in_three_forms_that_differ(name: str) -> None:
    variants = told(FOLDER / f"{name}.yaml")["variants"]
    assert len({one["form"] for one in variants}) == FORMS
    assert all(one["near"] and one["fault"] for one in variants)


@pytest.mark.real
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nobody_hears_of_a_healthy_application_or_of_what_looks_like_the_fault(
    case: Case, outcome: Outcomes
) -> None:
    early = [one for one in outcome.fired[case.name] if one.first < case.minutes["fault"]]
    assert not early


@pytest.mark.real
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_fault_is_one_notification(case: Case, outcome: Outcomes) -> None:
    posts = outcome.notified[case.name]
    (post,) = [one for one in posts if one["commonLabels"]["alertname"] not in case.beside]
    assert {one["alertname"] for one in labels(posts)} == {case.alert["alertname"], *case.beside}
    assert any(one.items() >= case.alert.items() for one in labels([post]))
    assert {one["severity"] for one in labels(posts) if one["alertname"] in case.beside} <= {
        "warning"
    }


def labels(posts: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Those of every alert that is told of."""
    return [one["labels"] for post in posts for one in post["alerts"]]
