"""The dashboards as they are shipped: their panels and questions, and a browser's part in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "dashboards"
# What Grafana puts in for `All` and for its own variables, for scrapes every 15 s.
MINUTES = {"$__rate_interval": "1m", "$__range": "6h", "$__interval": "15s"}
VARIABLE = re.compile(r"\$\{?[a-z]\w*\}?")
LABELS = re.compile(r"label_values\((?:(?P<series>.*), )?(?P<label>\w+)\)")


@dataclass(frozen=True)
class Question:
    """A query of a panel; `letter` is its refId."""

    uid: str
    panel: str
    letter: str
    expression: str
    legend: str

    @property
    def name(self) -> str:
        """Told apart from all others."""
        return f"{self.uid}: {self.panel}: {self.letter}"

    def asked(self, given: Mapping[str, str] = MINUTES) -> str:
        """PromQL with everything chosen, and these lengths of time."""
        return filled(self.expression, given)


def filled(expression: str, given: Mapping[str, str] = MINUTES) -> str:
    """An expression with `All` for each variable, and these lengths of time."""
    for name, value in given.items():
        expression = expression.replace(name, value)
    return VARIABLE.sub(".+", expression)


@cache
def dashboards() -> Mapping[str, Any]:
    """Each dashboard by its uid."""
    read = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    return {one["uid"]: one for one in read}


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Its panels, those of folded rows too; rows are none."""
    for one in dashboard["panels"]:
        if one["type"] != "row":
            yield one
        yield from one.get("panels", ())


def questions(dashboard: Mapping[str, Any]) -> Iterator[Question]:
    """What its panels ask."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield Question(
                dashboard["uid"],
                panel["title"],
                target["refId"],
                target["expr"],
                target.get("legendFormat", ""),
            )


def variables(dashboard: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Its variables by name."""
    return {one["name"]: one for one in dashboard["templating"]["list"]}


def found_in(variable: Mapping[str, Any]) -> tuple[str, str]:
    """The series and the label in which a variable's values are found."""
    found = LABELS.fullmatch(variable["query"])
    assert found, variable["query"]
    return found["series"], found["label"]


def marks(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What is marked in its graphs by a query."""
    return (one for one in dashboard["annotations"]["list"] if "expr" in one)
