"""Parts of the linter alone: bounds, label sets, templates, and what it knows of the vocabulary."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.lint import Settings, lint, read, template
from exporter.lint.files import seconds
from exporter.lint.labels import Labels
from exporter.lint.metrics import own
from exporter.lint.patterns import fits
from exporter.lint.span import Span, always, never
from exporter.lint.values import ADDITIVE, CLOSED
from exporter.promql import NotPromQL, parse, selectors
from exporter.sources.containers import facts, settings
from exporter.sources.postgres import queues
from exporter.vocabulary import FAMILIES

NUMBERS = st.integers(-5, 5).map(float)
SPANS = st.tuples(NUMBERS, NUMBERS).map(lambda ends: Span(min(ends), max(ends)))
HOLDS = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def _inside(span: Span) -> list[float]:
    return [span.low, (span.low + span.high) / 2, span.high]


def _whole(span: Span) -> range:
    return range(int(span.low), int(span.high) + 1)


@given(SPANS, SPANS)
def test_what_is_calculated_lies_within_the_bounds(left: Span, right: Span) -> None:
    for a in _inside(left):
        for b in _inside(right):
            assert left.plus(right).low <= a + b <= left.plus(right).high
            assert left.times(right).low <= a * b <= left.times(right).high
            assert left.negative().low <= -a <= left.negative().high
            if b:
                quotient = left.over(right)
                assert quotient.low - 1e-9 <= a / b <= quotient.high + 1e-9


@given(SPANS, SPANS, st.sampled_from(sorted(HOLDS)))
def test_what_never_and_always_holds_is_so_for_each_pair(
    left: Span, right: Span, operator: str
) -> None:
    # Ends are whole, so two that share a value share a whole one: these pairs decide all others.
    answers = {HOLDS[operator](a, b) for a in _whole(left) for b in _whole(right)}
    assert never(operator, left, right) == (answers == {False})
    assert always(operator, left, right) == (answers == {True})


def test_infinity_times_nothing_is_nothing() -> None:
    assert Span(-math.inf, math.inf).times(Span(0.0, 0.0)) == Span(0.0, 0.0)


@pytest.mark.parametrize(
    ("pattern", "text", "answer"),
    [
        ("a|b", "b", True),
        ("a", "ab", False),
        ("5..", "500", True),
        ("(?i)get", "GET", True),
        ("[[:alpha:]]+", "a", None),
        (r"\pL", "a", None),
        ("(", "a", None),
    ],
)
def test_patterns_fit_as_in_prometheus_or_it_is_not_told(
    pattern: str,
    text: str,
    answer: bool | None,  # noqa: FBT001 - an expected value
) -> None:
    assert fits(pattern, text) is answer


def test_labels_are_kept_dropped_and_added() -> None:
    scraped = Labels(frozenset({"job", "instance"}), open=True)
    assert not scraped.without(["job"]).can("job")
    assert scraped.can("anything")
    by = scraped.by(["job", "queue"])
    assert by == Labels(frozenset({"job"}), frozenset({"queue"}))
    assert not by.can("instance")
    assert by.either(Labels()).has == frozenset()
    assert by.adding("queue").has == {"job", "queue"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("5m", 300.0), ("1h30m", 5400.0), ("1d", 86400.0), ("100ms", 0.1), ("0", 0.0)],
)
def test_durations_are_those_of_prometheus(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "5", "m5", "5 m", "1m1h", "-5m"])
def test_what_is_no_duration_is_none(text: str) -> None:
    assert seconds(text) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("{{ $value }", "braces"),
        ("{{ $label.app }}", "$label.app is no variable"),
        ("{{ $value | humanise }}", "humanise is no function"),
        ("{{ if $value }}a", "if is never closed"),
        ("{{ end }}", "an end closes nothing"),
        ("{{ else }}", "an else belongs to no if"),
        ("{{ printf (index 1 }}", "brackets"),
        ("{{ }}", "empty"),
    ],
)
def test_a_broken_template_is_told(text: str, answer: str) -> None:
    assert any(answer in fault for fault in template.faults(text))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 9999 + "x" + ")" * 9999,
        "x" + " or x" * 9999,
        "-" * 9999 + "x",
        "abs(" * 9999 + "x" + ")" * 9999,
        "x" + "-x" * 1400,
        "-" * 1400 + "x",
    ],
    ids=["brackets", "alternatives", "signs", "calls", "many", "many signs"],
)
def test_what_is_nested_absurdly_is_refused_and_ends_nothing(text: str) -> None:
    with pytest.raises(NotPromQL, match=r"more than 1500|deeper than 100"):
        parse(text)


@pytest.mark.parametrize("chain", [" unless x" * 90, " or x" * 101, " or x" * 1400, "+x" * 500])
def test_what_is_nested_deeply_is_read(chain: str) -> None:
    rule = f"groups: [{{name: a, rules: [{{record: b, expr: 'x{chain}'}}]}}]\n"
    assert lint([read("deep.yaml", rule)], Settings()) == []


def test_a_long_chain_is_read_in_its_order() -> None:
    names = [f"m{number}" for number in range(300)]
    assert [each.metric for each in selectors(parse(" or ".join(names)))] == names


def test_labels_inside_a_loop_are_of_the_loop() -> None:
    loop = '{{ range query "up" }}{{ .Labels.b }}{{ $labels.c }}{{ end }}'
    text = "{{ .Labels.a }}" + loop + "{{ .Labels.d }}"
    found = [label for action in template.actions(text) for label in template.labels_of(action)]
    assert found == ["a", "c", "d"]


def test_closed_sets_are_those_of_the_sources() -> None:
    assert CLOSED["watched_queue_jobs", "state"] == queues.STATES
    assert CLOSED["watched_queue_recent_jobs", "outcome"] == queues.OUTCOMES
    assert CLOSED["watched_queue_stuck_jobs", "reason"] == queues.REASONS
    assert CLOSED["watched_queue_oldest_age_seconds", "clock"] == (*queues.CLOCKS, "progress")
    assert CLOSED["watched_service_trait", "trait"] == settings.TRAITS
    assert CLOSED["watched_container_state", "state"] == facts.STATES


def test_closed_sets_are_of_labels_that_there_are() -> None:
    for name, label in CLOSED:
        assert label in FAMILIES[name].labels, (name, label)
    assert set(FAMILIES) >= ADDITIVE


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("watched_queue_jobs", "state"),
        ("watched_queue_stuck_jobs", "reason"),
        ("watched_container_state", "state"),
        ("watched_container_health", "state"),
        ("watched_probe_duration_seconds", "phase"),
        ("watched_postgres_checkpoints_total", "reason"),
        ("watched_postgres_transactions_total", "outcome"),
    ],
)
def test_closed_sets_are_those_that_the_vocabulary_tells(name: str, label: str) -> None:
    told = re.search(r": ([a-z_]+(?:, [a-z_]+)+)", FAMILIES[name].help)
    assert told is not None
    assert told[1].split(", ") == list(CLOSED[name, label])


def test_what_the_vocabulary_says_of_values_is_read_from_it() -> None:
    metrics = own()
    assert metrics["watched_queue_oldest_age_objective_seconds"].default == 300
    assert metrics["watched_tls_objective_seconds"].default == 1728000
    assert metrics["watched_rows_objective"].default is None
    assert metrics["watched_postgres_up"].unit == "truth"
    assert metrics["watched_component_up"].healthy_at_one
    assert metrics["watched_queue_consumers_objective"].unit is None
    assert metrics["watched_probe_info"].span == Span(1.0, 1.0)
    assert metrics["watched_http_request_duration_seconds_bucket"].labels.can("le")
