"""Templates: which texts fit, what their gaps hold, and which templates are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.template import TemplateError, template


@pytest.mark.parametrize(
    ("text", "message", "found"),
    [
        ("Job done", "Job done", {}),
        ("Job done", "Job done ", None),
        ("Job {id} done", "Job 5 done", {"id": "5"}),
        ("Job {id} done", "Job  done", {"id": ""}),
        ("Job {id} done", "Job 5 6 done", {"id": "5 6"}),
        ("Job {id} done", "Job 5 done twice", None),
        ("Job {id}", "Job ", {"id": ""}),
        ("Job {id}", "Jo", None),
        ("{*}", "", {}),
        ("{*}", "anything", {}),
        ("{kind} in {took:number}s", "Sync in 0.5s", {"kind": "Sync", "took": "0.5"}),
        ("{kind} in {took:number}s", "Sync in no time, says us", None),
        ("{kind} in {took:number}s", "Sync in 1e400s", None),
        ("Task {task}[{id}] {*}", "Task a.b[c[d]] x", {"task": "a.b", "id": "c[d]"}),
        ("a {{b}} {c}", "a {b} 5", {"c": "5"}),
        ("{{{x}}}", "{5}", {"x": "5"}),
        ("żółć {x}", "żółć {y}", {"x": "{y}"}),
        ("", "", {}),
        ("", "x", None),
    ],
)
def test_what_a_template_fits(text: str, message: str, found: dict[str, str] | None) -> None:
    assert template(text).match(message) == found


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{a}{b}", "two gaps need literal text"),
        ("a {", "has no '}'"),
        ("a }", "has no '{'"),
        ("{a:float}", "only kind of gap is 'number'"),
        ("{a b}", "a gap is a name"),
        ("{}", "a gap is a name"),
        ("{a} and {a}", "a name stands for one gap only"),
    ],
)
def test_a_template_that_cannot_be_read_says_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        template(text)


@given(st.text(alphabet="ab {}"), st.text(alphabet="ab {}"))
def test_braces_written_twice_are_literal(text: str, other: str) -> None:
    literal = template(text.replace("{", "{{").replace("}", "}}"))
    assert literal.match(text) == {}
    assert (literal.match(other) is None) == (other != text)


def test_a_long_text_that_nearly_fits_costs_no_more_than_its_length() -> None:
    assert template("{a}x{b}x{c}x{d}y").match("x" * 1_000_000) is None
