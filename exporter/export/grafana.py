"""The alerts as Grafana provisions its own: each a question to Prometheus, and "it has an answer".

Grafana's import of Prometheus rules has the same three steps: in Prometheus whatever is answered
fires, a 0 as well, so the middle step makes a 1 of any number. Recorded series stay with
Prometheus. Format: Grafana's file provisioning of alerting resources, apiVersion 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from exporter.export.shipped import Piece, Subject

EVALUATED = "30s"
LOOKS_BACK_SECONDS = 600
EXPRESSION = "__expr__"  # Grafana's own name for what it calculates itself
ANY_NUMBER = "is_number($query) || is_nan($query) || is_inf($query)"
# Prometheus's $value is a number; Grafana's is a text, and the number is the question's answer.
VALUE = re.compile(r"\$value\b")


def provisioned(subject: Subject, datasource: str, folder: str) -> str:
    """The alerts of a subject for the data source of this uid; empty where it has none."""
    groups = [
        {
            "orgId": 1,
            "name": group.name,
            "folder": folder,
            "interval": EVALUATED,
            "rules": [_rule(piece.rule, datasource) for piece in alerts],
        }
        for group in subject.groups
        if (alerts := [piece for piece in group.pieces if piece.alerts])
    ]
    if not groups:
        return ""
    whole = {"apiVersion": 1, "groups": groups}
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=100)


def recorded(subject: Subject) -> Iterable[Piece]:
    """What is left for Prometheus to record."""
    return (piece for group in subject.groups for piece in group.pieces if not piece.alerts)


def _rule(rule: Mapping[str, Any], datasource: str) -> dict[str, Any]:
    said = {name: VALUE.sub("$values.query.Value", text) for name, text in _said(rule)}
    made: dict[str, Any] = {
        "uid": rule["alert"],
        "title": rule["alert"],
        "condition": "fires",
        "data": [
            {
                "refId": "query",
                "relativeTimeRange": {"from": LOOKS_BACK_SECONDS, "to": 0},
                "datasourceUid": datasource,
                "model": {
                    "refId": "query",
                    "datasource": {"type": "prometheus", "uid": datasource},
                    "expr": rule["expr"].strip(),
                    "instant": True,
                    "range": False,
                },
            },
            _calculated(
                "answered", "math", "is_number($query) || is_nan($query) || is_inf($query)"
            ),
            _calculated(
                "fires",
                "threshold",
                "answered",
                conditions=[{"evaluator": {"type": "gt", "params": [0]}}],
            ),
        ],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": rule.get("for", "0s"),
    }
    if "keep_firing_for" in rule:
        made["keepFiringFor"] = rule["keep_firing_for"]
    made["missing_series_evals_to_resolve"] = 1
    return made | {"annotations": said, "labels": dict(rule["labels"]), "isPaused": False}


def _said(rule: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    annotations: Mapping[str, str] = rule["annotations"]
    return annotations.items()


def _calculated(name: str, kind: str, expression: str, **more: Any) -> dict[str, Any]:
    model = {
        "refId": name,
        "type": kind,
        "datasource": {"type": EXPRESSION, "uid": EXPRESSION},
        "expression": expression,
    }
    return {"refId": name, "datasourceUid": EXPRESSION, "model": model | more}
