"""The dashboards as they are shipped: made by their code, held to the rules and to each other."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from dashboards.build import palette
from dashboards.build.boards import BOARDS
from dashboards.build.drawing import description
from dashboards.build.frame import dashboard
from dashboards.build.shapes import Board, Panel
from exporter.lint import Settings, lint, read
from exporter.lint.files import Rule, RuleFile
from exporter.promql import Matcher, Number, Selector, Tree, children, parse, selectors, walk
from tests.support.panels import dashboards, filled, marks, panels, questions, variables

ROOT = Path(__file__).parents[1]
RULES = [read(path.name, path.read_text()) for path in sorted((ROOT / "rules").glob("*.yaml"))]
ALERTS = {rule.name: rule for file in RULES for rule in file.rules if rule.is_alert}
RECORDED = {rule.name: rule for file in RULES for rule in file.rules if not rule.is_alert}
# Nobody looks at a dashboard for these: the first is asked for, the second tells nobody.
FOR_NOBODY = {"SidewatchTestAlert", "SidewatchInfoHeldBack"}
KINDS = {"stat", "timeseries", "bargauge", "table"}
# A panel may look at a value of which an alert names no number: how it is judged is said here.
OWN_STEPS = {
    ("sidewatch-queues", "Live workers"): "WatchedQueueNoWorkers compares with 0; 1 is the next",
    ("sidewatch-webhooks", "Quota left"): "a share of the objective: the alert compares with it",
    ("sidewatch-files", "Next certificate"): "a share of the objective; a twentieth is its page",
    ("sidewatch-files", "Certificates"): "a twentieth of 20 days is a day",
    ("sidewatch-files", "Smallest budget"): "at 0 nothing of a budget is left",
    ("sidewatch-application", "agledger: what was dropped without a word"): "any at all",
    ("sidewatch-application", "agledger: broken checkpoints of the vault"): "any at all",
    ("sidewatch-application", "tripl: settings that could not be read"): "any at all",
}


def named() -> list[tuple[Board, Panel]]:
    return [(board, panel) for board in BOARDS for panel in board.panels]


def titled(case: tuple[Board, Panel]) -> str:
    return f"{case[0].uid}: {case[1].title}"


# -- as they are made ------------------------------------------------------------------------------


def test_the_committed_files_are_what_the_code_makes() -> None:
    made = {f"{board.uid}.json": dashboard(board) for board in BOARDS}
    there = {path.name: path.read_text() for path in (ROOT / "dashboards").glob("*.json")}
    assert there == made, "run python -m dashboards.build"


def test_panels_lie_beside_each_other() -> None:
    for uid, one in dashboards().items():
        folded = [row["panels"] for row in one["panels"] if row.get("collapsed")]
        for group in (one["panels"], *folded):
            places = [each["gridPos"] for each in group]
            assert all(at["x"] >= 0 and at["x"] + at["w"] <= 24 for at in places), uid
            assert not [pair for pair in combinations(places, 2) if overlap(*pair)], uid
        numbers = [each["id"] for each in [*one["panels"], *(p for f in folded for p in f)]]
        assert len(numbers) == len(set(numbers)), uid


def overlap(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def test_the_verdict_comes_first() -> None:
    for uid, one in dashboards().items():
        first = [panel["type"] for panel in one["panels"][:6]]
        assert first == ["stat"] * 6, uid


def test_only_panels_that_are_proven_are_used() -> None:
    assert {panel["type"] for one in dashboards().values() for panel in panels(one)} == KINDS


# -- what they ask ---------------------------------------------------------------------------------


def test_every_question_reads_what_there_is_as_it_must_be_read() -> None:
    """The linter of rules, with the questions as rules; what only rules must have is left out."""
    asked = {
        **{each.name: each.expression for one in dashboards().values() for each in questions(one)},
        **{
            f"{uid}: mark {each['name']}": each["expr"]
            for uid, one in dashboards().items()
            for each in marks(one)
        },
    }
    rules = tuple(
        Rule(name, "panels", None, name, False, text, parse(filled(text)), first=1, last=1)
        for name, text in asked.items()
    )
    # A panel may look at all applications at once; two may ask the same.
    settings = Settings(
        interval=15.0, shortest_range=60.0, disabled=frozenset({"app-lost", "rule-twice"})
    )
    found = lint([RuleFile("panels", ("",), rules, ())], settings, beside=RULES)
    assert not found, "\n".join(f"{one.rule}: {one.text}" for one in found)


def test_every_variable_of_a_dashboard_is_used_in_it() -> None:
    for uid, one in dashboards().items():
        text = "".join(each.expression for each in questions(one))
        unused = [
            name
            for name, variable in variables(one).items()
            if variable["type"] == "query" and f"${name}" not in text
        ]
        assert not unused, uid


# -- the alerts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ALERTS.values(), ids=lambda rule: rule.name)
def test_an_alert_leads_to_a_dashboard_that_shows_it(rule: Rule) -> None:
    url = urlsplit(rule.annotations["dashboard_url"])
    uid = url.path.removeprefix("/d/")
    chosen = {name.removeprefix("var-") for name in parse_qs(url.query)}
    assert chosen <= variables(dashboards()[uid]).keys()
    if rule.name not in FOR_NOBODY:
        (board,) = (one for one in BOARDS if one.uid == uid)
        assert [panel.title for panel in board.panels if rule.name in panel.alerts]


def test_panels_name_alerts_that_there_are() -> None:
    assert {name for _, panel in named() for name in panel.alerts} <= ALERTS.keys()
    for _, panel in named():
        assert "Normal:" in description(panel)


@pytest.mark.parametrize("case", named(), ids=titled)
def test_a_panel_judges_as_its_alerts_do(case: tuple[Board, Panel]) -> None:
    board, panel = case
    if (board.uid, panel.title) in OWN_STEPS:
        return
    known = {part.value for tree in judged(panel.alerts) for part in numbers(tree)}
    for value, _ in [step for query in panel.queries for step in query.steps] + [*panel.steps]:
        assert value in known | {0.0, 1.0}, f"no alert of this panel names {value:g}"


def test_no_colour_begins_below_0() -> None:
    """Only the first colour holds for what is below: an expired certificate was green else."""
    for board, panel in named():
        for value, _ in [step for query in panel.queries for step in query.steps] + [*panel.steps]:
            assert value >= 0, f"{board.uid}: {panel.title}"


def test_dashed_lines_are_the_limits_of_the_alerts() -> None:
    for board, panel in named():
        parts = {bare(part) for tree in judged(panel.alerts) for part in walk(tree)}
        read = {name for tree in judged(panel.alerts) for name in read_in(tree)}
        for query in panel.queries:
            if query.goal:
                goal = bare(parse(filled(query.expression)))
                told = goal in parts or (not list(numbers(goal)) and read_in(goal) <= read)
                assert told, f"{board.uid}: {panel.title}: {query.text}"


def judged(alerts: tuple[str, ...]) -> Iterator[Tree]:
    """The expressions of alerts, and of what is recorded for them."""
    waiting = [ALERTS[name] for name in alerts]
    seen = set[str]()
    while waiting:
        rule = waiting.pop()
        assert rule.tree is not None
        yield rule.tree
        for part in walk(rule.tree):
            if isinstance(part, Selector) and part.metric in RECORDED and part.metric not in seen:
                seen.add(part.metric)
                waiting.append(RECORDED[part.metric])


def read_in(tree: Tree) -> set[str]:
    return {one.metric for one in selectors(tree)}


def numbers(tree: Tree) -> Iterator[Number]:
    return (part for part in walk(tree) if isinstance(part, Number))


def bare(tree: Tree) -> Tree:
    """The expression without what limits it to the variables of a dashboard."""
    if isinstance(tree, Selector):
        kept = tuple(each for each in tree.matchers if each != Matcher(each.label, "=~", ".+"))
        return replace(tree, matchers=tuple(sorted(kept, key=str)))
    changed: dict[str, Tree | tuple[Tree, ...]] = {
        name: bare(part)
        for name in ("left", "right", "operand", "parameter")
        if (part := getattr(tree, name, None)) is not None and part in children(tree)
    }
    if arguments := getattr(tree, "arguments", ()):
        changed["arguments"] = tuple(bare(each) for each in arguments)
    return replace(tree, **changed) if changed else tree


# -- how they look ---------------------------------------------------------------------------------

# How those who lack a kind of cone see linear red, green and blue (Machado and others, 2009).
SEEN_BY = {
    "everybody": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopes": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopes": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopes": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
GROUNDS = ("#181b1f", "#ffffff")  # of Grafana's panels, dark and light
COLOUR = re.compile(r'"(?:color|fixedColor|iconColor)": "([^"]*)"')


def test_all_colours_are_of_the_palette() -> None:
    for path in (ROOT / "dashboards").glob("*.json"):
        assert set(COLOUR.findall(path.read_text())) <= set(palette.ALL), path.name


@pytest.mark.parametrize("eyes", SEEN_BY)
def test_states_are_told_apart_by(eyes: str) -> None:
    for one, other in combinations(palette.TONES.items(), 2):
        assert math.dist(seen(one[1], eyes), seen(other[1], eyes)) > 0.12, (one[0], other[0])


def test_lines_stand_out_from_the_ground() -> None:
    """As WCAG 2 asks of graphics: 3 to 1, on the dark ground that Grafana begins with."""
    for colour in palette.ALL:
        light, dark = sorted((luminance(colour), luminance(GROUNDS[0])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, colour


def linear(colour: str) -> tuple[float, ...]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return tuple(
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )


def luminance(colour: str) -> float:
    weights = (0.2126, 0.7152, 0.0722)
    return sum(part * weight for part, weight in zip(linear(colour), weights, strict=True))


def seen(colour: str, eyes: str) -> tuple[float, ...]:
    """As those eyes see it: red, green, blue, in steps that look alike."""
    return tuple(
        max(0.0, sum(a * b for a, b in zip(row, linear(colour), strict=True))) ** (1 / 2.4)
        for row in SEEN_BY[eyes]
    )
