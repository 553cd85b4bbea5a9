"""Every question of every dashboard, asked of a real Prometheus: each has an answer.

What the demo shows comes from the running demo. What it has not (containers, brokers, disks, other
applications) are pages that the tests of real ones have recorded: tests/support/recording.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.demo.hurried import hurried_rules
from tests.support.panels import dashboards, filled, found_in, marks, questions, variables
from tests.support.parts import Parts
from tests.support.servers import Prometheus
from tests.support.showing import SHARE, showing
from tests.support.waiting import wait_for

LENGTHS = {"$__rate_interval": "5s", "$__range": "30s", "$__interval": "1s"}
PATIENCE = 180.0  # half a minute is enough where nothing else runs


def asked() -> dict[str, str]:
    """Each question of a panel, a mark or a variable by its name, with all chosen."""
    found = dict[str, str]()
    for uid, one in dashboards().items():
        found |= {each.name: each.expression for each in questions(one)}
        found |= {f"{uid}: mark {each['name']}": each["expr"] for each in marks(one)}
        for name, variable in variables(one).items():
            if variable["type"] == "query":
                series, label = found_in(variable)
                found[f"{uid}: ${name}"] = f"count by ({label}) ({series})"
    return {name: hurried_rules(filled(text, LENGTHS), SHARE) for name, text in found.items()}


def unanswered(prometheus: Prometheus, waiting: dict[str, str], began: float) -> Iterator[str]:
    """Those of them that have had no answer at any moment until now."""
    now = time.time()
    for name, text in waiting.items():
        if not prometheus.over_time(text, began, now, max(1.0, (now - began) / 100)):
            yield name


@pytest.mark.real
def test_every_question_has_an_answer(parts: Parts, tmp_path: Path) -> None:
    left = asked()
    assert len(left) > 300
    began = time.time()

    def answered() -> bool:
        nonlocal left
        left = {name: left[name] for name in unanswered(prometheus, left, began)}
        return not left

    with showing(parts, tmp_path) as prometheus:
        try:
            wait_for(answered, "an answer to every question", within=PATIENCE, every=1.0)
        except AssertionError as error:
            error.add_note("\n".join(f"{name}\n    {text}" for name, text in left.items()))
            raise
        assert not prometheus.unhealthy()
