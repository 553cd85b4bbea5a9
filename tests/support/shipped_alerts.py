"""The shipped alerts as promtool has proved them: each with the label sets that its rule gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.support import yamls

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Shipped:
    """A rule that alerts, the subject it is about, and the labels of its proofs, with its name."""

    name: str
    subject: str
    rule: Mapping[str, Any]
    labels: tuple[Mapping[str, str], ...]


@cache
def shipped_alerts() -> Mapping[str, Shipped]:
    """All of them, by name."""
    proved: dict[str, list[Mapping[str, str]]] = {}
    for path in sorted((ROOT / "tests/rules").glob("*.yaml")):
        for test in yamls.read(path.read_text())["tests"]:
            for case in test.get("alert_rule_test", ()):
                for said in case["exp_alerts"]:
                    labels = {"alertname": case["alertname"], **said["exp_labels"]}
                    proved.setdefault(case["alertname"], []).append(labels)
    return {
        rule["alert"]: Shipped(rule["alert"], path.stem, rule, tuple(proved[rule["alert"]]))
        for path in sorted((ROOT / "rules").glob("*.yaml"))
        for group in yamls.read(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
