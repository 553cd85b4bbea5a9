"""The dashboards pass the checks of Grafana's dashboard-linter; what is left out has a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

import pytest

from tests.support import dashboard_lint as checks
from tests.support.panels import dashboards

UNITS = Path(__file__).parent / "dashboards" / "units.json"
CHECKS: Mapping[str, checks.Check] = {
    "template-datasource-rule": checks.template_datasource,
    "template-job-rule": checks.template_job,
    "template-instance-rule": checks.template_instance,
    "template-label-promql-rule": checks.template_label_promql,
    "template-on-time-change-reload-rule": checks.template_on_time_change_reload,
    "panel-datasource-rule": checks.panel_datasource,
    "panel-title-description-rule": checks.panel_title_description,
    "panel-units-rule": partial(checks.panel_units, units=frozenset(json.loads(UNITS.read_text()))),
    "panel-no-targets-rule": checks.panel_no_targets,
    "target-logql-rule": checks.target_logql,
    "target-logql-auto-rule": checks.target_logql_auto,
    "target-promql-rule": checks.target_promql,
    "target-rate-interval-rule": checks.target_rate_interval,
    "target-job-rule": checks.target_job,
    "target-instance-rule": checks.target_instance,
    "target-counter-agg-rule": checks.target_counter_agg,
    "uneditable-dashboard": checks.uneditable_dashboard,
}


def excluded(check: str, metric: str) -> str:
    """Why a selector need not be limited to jobs or instances; empty where it must be."""
    if check == "target-counter-agg-rule" or not check.startswith("target-"):
        return ""
    if metric in {"ALERTS", "ALERTS_FOR_STATE"}:
        return "Prometheus makes them of alerts, which are about an application"
    if ":" in metric:
        return "a rule has put the instances together, as the alert that reads it needs them"
    return ""


@cache
def found(check: str, uid: str) -> list[tuple[str, str]]:
    return list(CHECKS[check](dashboards()[uid]))


def test_there_are_seventeen_checks() -> None:
    assert len(CHECKS) == 17


@pytest.mark.parametrize("uid", dashboards())
@pytest.mark.parametrize("check", CHECKS)
def test_a_dashboard_passes(check: str, uid: str) -> None:
    kept = [each for each in found(check, uid) if not excluded(check, each[1])]
    assert not kept, "\n".join(f"{where}: {what}" for where, what in kept)
