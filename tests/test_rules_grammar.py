"""The rules in the grammar of Prometheus 3, by the parser of its own editor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import yamls
from tests.support.node import Node

RULES = sorted((Path(__file__).parents[1] / "rules").glob("*.yaml"))
# What it must not take, so that its silence means something.
WRONG = {
    "no range": "rate(watched_events_total)",
    "no closing bracket": "sum by (app (up)",
    "a range compared": "up[5m] > 1",
    "too few arguments": 'label_replace(up, "a", "b")',
}


def _expressions() -> dict[str, str]:
    rules = [
        rule
        for path in RULES
        for group in yamls.read(path.read_text())["groups"]
        for rule in group["rules"]
    ]
    return {rule.get("alert") or rule["record"]: rule["expr"] for rule in rules}


@pytest.mark.real
def test_the_grammar_of_prometheus_3_takes_every_expression(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "expressions.json"
    file.write_text(json.dumps(_expressions() | WRONG))
    said = node.drive("promql.js", "@prometheus-io/codemirror-promql", str(file), "check")
    assert said.keys() == WRONG.keys(), said
