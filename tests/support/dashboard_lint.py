"""The checks of Grafana's dashboard-linter, by its names, for dashboards of the classic kind.

Written after its documentation and source (grafana/dashboard-linter, lint/ and docs/rules/): the
linter itself is a program in Go that no package registry has. Each check yields what it finds as
sentences, with the panel and the query that they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from exporter.promql import Call, NotPromQL, Selector, Subquery, Tree, parse, selectors, walk
from tests.support.panels import Question, filled, found_in, panels, questions, variables

Dashboard = Mapping[str, Any]
Check = Callable[[Dashboard], Iterator[tuple[str, str]]]  # where, and what is wrong there

DRAWN = {"stat", "singlestat", "graph", "table", "timeseries", "gauge"}
WITH_QUERIES = {*DRAWN, "bargauge", "heatmap", "histogram", "barchart", "piechart"}
RATE_INTERVAL = 61.0  # what stands for $__rate_interval, told apart from any time that is written
LENGTHS = {"$__rate_interval": "61s", "$__range": "6h", "$__interval": "15s"}


def _tree(question: Question) -> Tree | None:
    try:
        return parse(filled(question.expression, LENGTHS))
    except NotPromQL:
        return None


def template_datasource(one: Dashboard) -> Iterator[tuple[str, str]]:
    """Exactly one, named `datasource`, called "Data source"."""
    found = [each for each in variables(one).values() if each["type"] == "datasource"]
    told = [(each["name"], each["label"], each["query"]) for each in found]
    if told != [("datasource", "Data source", "prometheus")]:
        yield "datasource", f"is {told}"


def _template(one: Dashboard, name: str) -> Iterator[tuple[str, str]]:
    found = variables(one).get(name, {})
    wanted = {
        "type": "query",
        "label": name.capitalize(),
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
    }
    for key, value in wanted.items():
        if found.get(key) != value:
            yield name, f"{key} is {found.get(key)!r}"


def template_job(one: Dashboard) -> Iterator[tuple[str, str]]:
    """There is a variable for jobs, any number of them at once."""
    yield from _template(one, "job")


def template_instance(one: Dashboard) -> Iterator[tuple[str, str]]:
    """There is a variable for instances."""
    yield from _template(one, "instance")


def template_label_promql(one: Dashboard) -> Iterator[tuple[str, str]]:
    """The series in which labels are looked for are PromQL."""
    for name, each in variables(one).items():
        if each["type"] == "query":
            try:
                parse(filled(found_in(each)[0]))
            except NotPromQL as error:
                yield name, str(error)


def template_on_time_change_reload(one: Dashboard) -> Iterator[tuple[str, str]]:
    """Variables are looked for anew when the time changes."""
    for name, each in variables(one).items():
        if each["type"] == "query" and each.get("refresh") != 2:
            yield name, "is not looked for again"


def panel_datasource(one: Dashboard) -> Iterator[tuple[str, str]]:
    """Each panel asks the data source that is chosen."""
    for panel in panels(one):
        if panel["datasource"]["uid"] not in {"$datasource", "${datasource}"}:
            yield panel["title"], "asks another data source"


def panel_title_description(one: Dashboard) -> Iterator[tuple[str, str]]:
    """Each panel is called something and says what it shows."""
    for panel in panels(one):
        if not panel.get("title") or not panel.get("description"):
            yield panel.get("title", "a panel"), "says too little"


def panel_units(one: Dashboard, units: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Each panel has a unit that Grafana knows."""
    for panel in panels(one):
        fields = panel["fieldConfig"]
        told = [fields["defaults"].get("unit", "")]
        told += [
            change["value"]
            for override in fields["overrides"]
            for change in override["properties"]
            if change["id"] == "unit"
        ]
        for unit in told:
            if unit not in units:
                yield panel["title"], f"has the unit {unit!r}"


def panel_no_targets(one: Dashboard) -> Iterator[tuple[str, str]]:
    """Each panel asks something."""
    for panel in panels(one):
        if panel["type"] in WITH_QUERIES and not panel["targets"]:
            yield panel["title"], "asks nothing"


def target_promql(one: Dashboard) -> Iterator[tuple[str, str]]:
    """Each question is PromQL."""
    for each in questions(one):
        try:
            parse(filled(each.expression, LENGTHS))
        except NotPromQL as error:
            yield f"{each.panel}: {each.letter}", str(error)


def target_rate_interval(one: Dashboard) -> Iterator[tuple[str, str]]:
    """A rate is taken over $__rate_interval."""
    for each in questions(one):
        tree = _tree(each)
        for part in walk(tree) if tree else ():
            if isinstance(part, Call) and part.function in {"rate", "irate"}:
                (inner,) = part.arguments
                if isinstance(inner, Selector | Subquery) and inner.range != RATE_INTERVAL:
                    yield f"{each.panel}: {each.letter}", f"{part.function} over {inner.range} s"


def _target(one: Dashboard, label: str) -> Iterator[tuple[str, str]]:
    for each in questions(one):
        expression = each.expression.replace(f'{label}=~"${label}"', f'{label}=~"chosen"')
        try:
            tree = parse(filled(expression, LENGTHS))
        except NotPromQL:
            continue
        for selector in selectors(tree):
            if f'{label}=~"chosen"' not in map(str, selector.matchers):
                yield f"{each.panel}: {each.letter}", selector.metric


def target_job(one: Dashboard) -> Iterator[tuple[str, str]]:
    """Each selector is limited to the jobs that are chosen."""
    yield from _target(one, "job")


def target_instance(one: Dashboard) -> Iterator[tuple[str, str]]:
    """Each selector is limited to the instances that are chosen."""
    yield from _target(one, "instance")


def target_counter_agg(one: Dashboard) -> Iterator[tuple[str, str]]:
    """Of a counter only its rate or increase is shown."""
    for each in questions(one):
        tree = _tree(each)
        risen = {
            part.arguments[0]
            for part in (walk(tree) if tree else ())
            if isinstance(part, Call) and part.function in {"rate", "irate", "increase"}
        }
        for selector in selectors(tree) if tree else ():
            if selector.metric.endswith("_total") and selector not in risen:
                yield f"{each.panel}: {each.letter}", selector.metric


def target_logql(one: Dashboard) -> Iterator[tuple[str, str]]:
    """A question to Loki is LogQL: none is asked."""
    yield from _to_others(one)


def target_logql_auto(one: Dashboard) -> Iterator[tuple[str, str]]:
    """A question to Loki looks back for $__auto: none is asked."""
    yield from _to_others(one)


def _to_others(one: Dashboard) -> Iterator[tuple[str, str]]:
    for panel in panels(one):
        for target in panel["targets"]:
            if target["datasource"]["type"] != "prometheus":
                yield panel["title"], "asks something else than Prometheus"


def uneditable_dashboard(one: Dashboard) -> Iterator[tuple[str, str]]:
    """Nobody edits what the next release writes over."""
    if one["editable"]:
        yield one["title"], "can be edited"
