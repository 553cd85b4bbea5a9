"""Each line of a sample, read, gives the record that stands beside it.

tests/parsers/<format>/<name>.log holds lines, <name>.json one answer for each, written by hand:
`fields` are all fields, `some` are those among others, `starts` is how the message begins. What an
answer does not name is at its default. Lines of the five applications come from the project's
seed samples.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from parsers import Record
from parsers.reading import FORMATS, read
from parsers.times import seconds

HERE = Path(__file__).parent / "parsers"


def cases() -> list[Any]:
    found = []
    for log in sorted(HERE.glob("*/*.log")):
        lines = log.read_text(encoding="utf-8").split("\n")[:-1]
        answers = json.loads(log.with_suffix(".json").read_text(encoding="utf-8"))
        found += [
            pytest.param(log.parent.name, line, answer, id=f"{log.parent.name}/{log.stem}:{number}")
            for number, (line, answer) in enumerate(zip(lines, answers, strict=True), start=1)
        ]
    return found


def check(record: Record, answer: dict[str, Any]) -> None:
    at = seconds(record.time, UTC)
    expected = answer["time"] and datetime.fromisoformat(answer["time"]).timestamp()
    assert at == (expected and pytest.approx(expected, abs=1e-6))
    assert record.level == answer["level"]
    if "starts" in answer:
        assert record.message.startswith(answer["starts"])
    else:
        assert record.message == answer["message"]
    if "fields" in answer:
        assert record.fields == answer["fields"]
    else:
        assert record.fields | answer["some"] == record.fields
    assert record.exception == answer.get("exception")
    assert record.exception_text == answer.get("exception_text")
    assert record.reason == answer.get("reason")
    assert record.message_follows == answer.get("message_follows", False)


@pytest.mark.parametrize(("name", "line", "answer"), cases())
def test_a_sample_line_reads_as_its_answer_says(
    name: str, line: str, answer: dict[str, Any]
) -> None:
    record = read(line)
    assert record.format == name
    check(record, answer)


def test_every_format_has_samples_and_a_module_of_its_name() -> None:
    assert {folder.name for folder in HERE.iterdir()} == set(FORMATS)
    for name in FORMATS:
        assert callable(import_module(f"parsers.{name}").parse)


def test_a_format_refuses_the_samples_of_all_others_or_is_asked_after_them() -> None:
    # What the order of asking decides must be few and known: these formats overlap by design.
    overlapping = {
        ("keyvalue", "alembic"), ("keyvalue", "python_text"), ("keyvalue", "celery"),
        ("keyvalue", "gunicorn"), ("keyvalue", "jsonlines"), ("prefixed", "dotnet"),
        ("prefixed", "uvicorn"),
    }  # fmt: skip
    for case in cases():
        name, line, _ = case.values
        for other in set(FORMATS) - {name, "text"}:
            if (other, name) not in overlapping:
                assert import_module(f"parsers.{other}").parse(line) is None, (other, line)
