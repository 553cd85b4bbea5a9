"""Many rules: a line is asked only for those that its fields and its message lead to."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.beginnings import Beginnings
from exporter.engine.choosing import Choice
from exporter.engine.finding import Finder
from exporter.engine.plan import meets
from exporter.engine.rules import Count, Label, LogRule, LogRules, Where
from exporter.engine.template import template
from exporter.model import Family
from exporter.vocabulary import FAMILIES
from tests.support.hostile import NOW
from tests.support.oracle import Counted, plan_of

MANY = 1_000
TIMES = 3  # so often each line comes: at first it is learned
SEEN = Family("seen_total", "counter", "Seen.", ("rule",), limit=2 * MANY)
TEXTS = st.text(alphabet="ab ", max_size=6)
PATTERNS = st.one_of(TEXTS, TEXTS.map("{}*".format))


def _seen(rule: str) -> tuple[Count, ...]:
    return (Count("seen_total", {"rule": Label(value=rule)}),)


def _counted(*rules: LogRule) -> Counted:
    return Counted(plan_of(LogRules(rules), {**FAMILIES, "seen_total": SEEN}), NOW)


def _after(counted: Counted, *lines: str) -> dict[str, float]:
    """How often each rule was seen."""
    for _ in range(TIMES):
        counted.feed([f"{line}\n".encode() for line in lines])
    found = counted.numbers().items()
    return {labels[0]: values[0] for (name, labels), values in found if name == "seen_total"}


@given(st.lists(TEXTS), TEXTS)
def test_the_beginnings_of_a_text_are_all_that_it_begins_with(many: list[str], text: str) -> None:
    found = [*Beginnings(many).of(text)]
    assert found == sorted({one for one in many if text.startswith(one)}, key=len, reverse=True)


@given(st.lists(st.lists(TEXTS.filter(bool), min_size=1, max_size=3), max_size=40), TEXTS)
def test_a_template_that_a_text_fits_is_found(many: list[list[str]], text: str) -> None:
    templates = [template("{*}".join((*parts, ""))) for parts in many]
    templates += [template("{*}".join(("", *parts))) for parts in many]
    fitting = {at for at, one in enumerate(templates) if one.match(text) is not None}
    found = Finder(templates).places(text)
    assert fitting <= {*found}
    assert found == sorted(set(found))


@pytest.mark.parametrize("repeated", [1, 500])
@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("kind{i} took {{n:number}} ms", "kind{i} took 5 ms"),
        ("Batch {{b}} of kind{i} took {{n:number}} ms", "Batch 7 of kind{i} took 5 ms"),
        ("{{b}} of kind{i} took {{n:number}} ms", "b7 of kind{i} took 5 ms"),
        ("{{b}} took {{n:number}} ms for kind{i}", "b7 took 5 ms for kind{i}"),
    ],
)
def test_of_many_templates_few_are_tried(said: str, message: str, repeated: int) -> None:
    finder = Finder([template(said.format(i=i)) for i in range(MANY)])
    for i in (0, 7, 77, MANY - 1):
        found = finder.places(message.format(i=i) + " " * repeated)
        assert i in found
        assert len(found) <= 3  # whose numbers this one begins with


@given(st.lists(st.lists(PATTERNS, min_size=1, max_size=3), max_size=30), st.none() | TEXTS)
def test_a_field_chooses_the_rules_whose_wish_it_meets(
    many: list[list[str]], text: str | None
) -> None:
    wishes = [Where("kind", values=(*each,)) for each in many]
    choice = Choice.among([(wish,) for wish in wishes])
    found = [*choice.places({"kind": text}.get, ("kind",))]
    if choice.switches:
        assert found == [place for place, wish in enumerate(wishes) if meets(wish, text)]
    else:
        assert found == [*range(len(many))]


def test_of_two_wishes_the_one_that_fewer_rules_share_chooses() -> None:
    wishes = [
        (Where("kind", values=("http",)), Where("code", values=(str(i),))) for i in range(MANY)
    ]
    choice = Choice.among(wishes)
    assert [*choice.places({"kind": "http", "code": "7"}.get, ("kind", "code"))] == [7]


@pytest.mark.usefixtures("each_engine")
def test_a_rule_moves_once_where_its_field_is_also_the_records_own() -> None:
    fields = ("level", "message", "stream", "exception", *(f"f{i}" for i in range(12)))
    wanted = ("info", "Ran", "file")
    counted = _counted(*(LogRule(where=(Where(f, values=wanted),), count=_seen(f)) for f in fields))
    found = _after(counted, '{"level":"info","message":"Ran","stream":"x","exception":null}')
    assert found == {"level": TIMES, "message": TIMES}


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("form", ["json", "keyvalue"])
def test_a_value_is_found_however_it_is_spelled(form: str) -> None:
    rules = [
        LogRule(where=(Where("code", values=(str(i),)),), count=_seen(f"{i}")) for i in range(20)
    ]
    rules += [
        LogRule(where=(Where("code", values=("1*",)),), count=_seen("1*")),
        LogRule(where=(Where("code", values=("true", 'say "hi"')),), count=_seen("other")),
        LogRule(where=(Where("code", none_of=("7",)),), count=_seen("not 7")),
    ]
    values: list[object] = [7, "7", 7.0, 12, "true", 'say "hi"', "70"]
    if form == "json":
        lines = [json.dumps({"level": 30, "msg": "Ran", "code": value}) for value in values]
        lines += [
            '{"level":30,"msg":"Ran","code":"\\u0037"}',
            '{"level":30,"msg":"Ran","code":true}',
        ]
        lines += ['{"level":30,"msg":"Ran","code":null}', '{"level":30,"msg":"Ran","code":[7]}']
        expected = {"7": 4, "12": 1, "1*": 1, "other": 3, "not 7": 7}
    else:
        lines = ["INFO Ran code=7", 'INFO Ran code="7"', "INFO Ran code=7.0", "INFO Ran code=12"]
        lines += ["INFO Ran code=true", 'INFO Ran code="say \\"hi\\""', "INFO Ran x=7", "INFO Ran"]
        expected = {"7": 2, "12": 1, "1*": 1, "other": 2, "not 7": 6}
    assert _after(_counted(*rules), *lines) == {
        rule: TIMES * times for rule, times in expected.items()
    }


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("size", [1_024, 1_025, 2_043, 2_044, 5_000, 100_000])
@pytest.mark.parametrize("end", ["", "*"])
def test_a_rule_may_want_a_text_of_any_length(size: int, end: str) -> None:
    rules = [LogRule(where=(Where("f", values=(f"v{i}",)),), count=_seen(f"{i}")) for i in range(9)]
    long = "x" * size
    rules.append(LogRule(where=(Where("f", values=(long + end,)),), count=_seen("long")))
    lines = [json.dumps({"level": 30, "msg": "Ran", "f": one}) for one in ("v1", long, long[1:])]
    assert _after(_counted(*rules), *lines) == {"1": TIMES, "long": TIMES}


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("line", ['{"level":30,"code":5}', "[INFO] code=5", "level=info code=5"])
def test_an_empty_message_meets_a_template_that_begins_with_a_gap_once(line: str) -> None:
    counted = _counted(LogRule("{*}", count=_seen("any")), LogRule("", count=_seen("none")))
    assert _after(counted, line) == {"any": TIMES, "none": TIMES}


@pytest.mark.usefixtures("each_engine")
def test_templates_of_key_value_lines_capture_what_stands_there() -> None:
    shown = (Count("seen_total", {"rule": Label(field="what")}),)
    counted = _counted(LogRule("Job {what} ended in {n:number}s", count=shown))
    lines = (
        "INFO 2026-11-20T23:59:58Z Job a ended in 5s what=no",
        "[INFO] Job b ended in 5s   kind=x what=no",
        "WARNING Job c ended in 5s",
        "INFO Job d ended in fives kind=x",
        "INFOS Job e ended in 5s kind=x",  # no level: part of the message
        "INFO Job f ended in 5s kind!=x",
        "Job g ended in 5s kind=x",
    )
    assert _after(counted, *lines) == dict.fromkeys("abcg", TIMES)


@pytest.mark.usefixtures("each_engine")
def test_a_padded_level_is_uvicorns_also_where_its_line_is_read_exactly() -> None:
    told = (Count("seen_total", {"rule": Label(field="message")}),)
    counted = _counted(
        LogRule(format="uvicorn", count=told), LogRule(format="prefixed", count=_seen("prefixed"))
    )
    assert _after(counted, "INFO:     Started") == {"Started": TIMES}
