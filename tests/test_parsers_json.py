"""JSON lines: what the standard library reads, under dotted names, and what it would refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.jsonlines import MALFORMED, is_malformed, parse
from parsers.reading import read

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
LISTS = st.lists(st.none() | st.integers() | st.text(), max_size=3)
# Keys without dots, so that no dotted name can be meant twice.
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="."), max_size=8)
DOCUMENTS = st.recursive(
    st.dictionaries(KEYS, SCALARS | LISTS, max_size=4),
    lambda inner: st.dictionaries(KEYS, SCALARS | LISTS | inner, max_size=4),
    max_leaves=10,
)


def leaves(document: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """All leaves by dotted name, by recursion: another way than the one under test."""
    found: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, dict) and value:
            found |= leaves(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def fields(line: str) -> dict[str, Any]:
    record = parse(line)
    assert record is not None
    return record.fields


@given(DOCUMENTS, st.booleans())
def test_fields_are_what_the_standard_library_reads(document: Any, ascii_only: bool) -> None:  # noqa: FBT001 - hypothesis passes by position
    line = json.dumps(document, ensure_ascii=ascii_only)
    read_back = fields(line)
    expected = leaves(json.loads(line.strip()))
    # A float beyond the largest is written as Infinity, which reads as nothing.
    assert read_back == {k: None if v in (1e999, -1e999) else v for k, v in expected.items()}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"a":1,"a":2}', {"a": 2}),
        ('{"a":{"b":1},"a.b":2}', {"a.b": 2}),
        ('{"a.b":2,"a":{"b":1}}', {"a.b": 2}),
        ('{"a":{"b.c":1,"b":{"c":2}}}', {"a.b.c": 1}),
        ('{"a":{},"b":[],"c":[{"d":1}]}', {"a": {}, "b": [], "c": [{"d": 1}]}),
        ('{"big":123456789012345678901234567890}', {"big": 123456789012345678901234567890}),
        ('{"n":NaN,"i":Infinity,"m":-Infinity,"e":1e400}', dict.fromkeys("nime")),
        ('{"n":"12.50","id":"00042"}', {"n": "12.50", "id": "00042"}),
        ('{"a":"\\ud800","b":"x\\udc00y"}', {"a": "\ufffd", "b": "x\ufffdy"}),
        ('{"a":"\\ud83d\\ude80","b":"\\\\ud800"}', {"a": "🚀", "b": "\\ud800"}),
        ('{"a":"\\ud83d\\ud83d\\ude80","\\udfff":1}', {"a": "\ufffd🚀", "\ufffd": 1}),
        ('{"a":"raw\ttab and \x00"}', {"a": "raw\ttab and \x00"}),
        ('{"żółć":"☃","e":"\\u017c"}', {"żółć": "☃", "e": "ż"}),
        (' {"a" : 1 } \r\n', {"a": 1}),
        ("{}", {}),
        ('{"":1}', {"": 1}),
    ],
)
def test_the_odd_corners_of_json(line: str, expected: dict[str, Any]) -> None:
    assert fields(line) == expected


def test_an_integer_of_thousands_of_digits_keeps_its_text() -> None:
    digits = "9" * 5000
    assert fields(f'{{"a":{digits},"b":7}}') == {"a": digits, "b": 7}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"event":"e","message":"m"}', "m"),
        ('{"message":"m","msg":"s"}', "s"),
        ('{"msg":null,"Message":"M"}', "M"),
        ('{"msg":"","message":"m"}', ""),
        ('{"event":"e"}', "e"),
        ('{"msg":{"a":[1,null,"é"]}}', '{"a":[1,null,"é"]}'),
        ('{"msg":[1, 2]}', "[1,2]"),
        ('{"msg":5}', "5"),
        ('{"msg":false}', "false"),
        ('{"nothing":1}', ""),
    ],
)
def test_the_message_is_under_the_first_key_that_has_one(line: str, message: str) -> None:
    record = parse(line)
    assert record is not None
    assert record.message == message


@pytest.mark.parametrize(
    ("line", "level", "time"),
    [
        ('{"level":30,"time":1795219172446}', "info", 1795219172446),
        ('{"level":"35","ts":1795219172.446}', "info", 1795219172.446),
        ('{"severity":"WARNING","timestamp":"2026-11-20"}', "warning", "2026-11-20"),
        ('{"LogLevel":"Critical","Timestamp":"t"}', "critical", "t"),
        ('{"lvl":"dbug","@timestamp":"t"}', "debug", "t"),
        ('{"levelname":"FATAL"}', "critical", None),
        ('{"level":"odd","severity":"error"}', "error", None),
        ('{"level":null,"time":null,"ts":"t"}', None, "t"),
        ('{"level":true,"time":true}', None, None),
        ('{"level":{"a":1},"time":[1]}', None, None),
    ],
)
def test_level_and_time_are_under_the_first_key_that_has_them(
    line: str, level: str | None, time: object
) -> None:
    record = parse(line)
    assert record is not None
    assert (record.level, record.time) == (level, time)


TRACEBACK = "Traceback (most recent call last):\n  File \"a.py\", line 1\n    f()\nKeyError: 'x'"
DOTNET = "System.InvalidOperationException: no\n ---> System.IO.IOException: why\n   at A.B()"
NODE = "TypeError: fetch failed\n    at f (/app/a.js:1:2)"


@pytest.mark.parametrize(
    ("document", "kind", "text"),
    [
        ({"exception": TRACEBACK}, "KeyError", "KeyError: 'x'"),
        ({"exc": TRACEBACK}, "KeyError", "KeyError: 'x'"),
        ({"exc_info": TRACEBACK + "\n"}, "KeyError", "KeyError: 'x'"),
        ({"Exception": DOTNET}, "System.InvalidOperationException",
         "System.InvalidOperationException: no"),
        ({"err": {"type": "TypeError", "message": "a\nb"}}, "TypeError", "TypeError: a"),
        ({"err": {"name": "PostgresError", "message": "gone"}}, "PostgresError",
         "PostgresError: gone"),
        ({"err": {"type": "AggregateError", "message": ""}}, "AggregateError", "AggregateError"),
        ({"err": {"stack": NODE}}, "TypeError", "TypeError: fetch failed"),
        ({"error": {"type": "app.Boom"}}, "app.Boom", "app.Boom"),
        ({"err": NODE}, "TypeError", "TypeError: fetch failed"),
        # no junk for a type
        ({"err": {"type": "not a type", "message": "x"}}, None, None),
        ({"err": {"type": 5}}, None, None),
        ({"err": {"message": "x"}}, None, None),
        ({"err": {}}, None, None),
        ({"error": "connection refused"}, None, None),
        ({"error": "timeout: 5 s"}, None, None),
        ({"exc_info": True}, None, None),
        ({"exception": None, "exc": ""}, None, None),
        ({"exception": "Traceback (most recent call last):\n  File"}, None, None),
    ],
)  # fmt: skip
def test_an_exception_gives_its_type_and_its_line(
    document: dict[str, Any], kind: str | None, text: str | None
) -> None:
    record = parse(json.dumps(document))
    assert record is not None
    assert (record.exception, record.exception_text) == (kind, text)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[1]",
        "null",
        '"text"',
        '{"a":1',
        '{"a":1}}',
        '{"a":1} tail',
        '{"a":1,}',
        "{a:1}",
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
def test_what_is_no_object_is_refused(line: str) -> None:
    record = parse(line)
    assert record is None or record.fields  # a newer Python may read what 3.11 finds too deep


def test_a_broken_object_is_text_with_its_reason() -> None:
    record = read('{"level":"info","msg":"cut of')
    assert (record.format, record.reason) == ("text", MALFORMED)
    assert is_malformed('  {"a')
    assert not is_malformed("plain words")


@pytest.mark.parametrize(
    "line",
    [
        # text that quotes an object is no record
        'RuntimeError: Upstream said: {"message": "Bad credentials"}',
        'Got {"level":"info"}',
        # a value, not a record
        '[INFO] Sent payload={"level":"info","msg":"x"}',
        'x a="{"level":"info","msg":"x"}',
        # behind a level the line is key-value or text, whatever it quotes
        '[INFO] Sent {"level":"info","msg":"x"}',
        'ERROR Sent {"level":"info","msg":"x"}',
        # too far from the start
        " " * 3 + "x" * 260 + ' {"level":"info","msg":"x"}',
        'web | {"level":"info","msg":"x"} tail',
    ],
)
def test_an_object_somewhere_in_a_line_is_not_a_prefixed_record(line: str) -> None:
    assert read(line).format != "jsonlines"


def test_wide_and_deep_objects_do_not_grow_beyond_their_line() -> None:
    wide = json.dumps({"k" * 200_000: dict.fromkeys(map(str, range(20_000)), 0)})
    deep = json.dumps({"a": 1})
    for _ in range(400):
        deep = f'{{"{"n" * 100}":{deep}}}'
    for line in (wide, deep):
        names = sum(map(len, fields(line)))
        assert names < 3 * len(line)


def test_a_field_named_prefix_is_not_overwritten() -> None:
    assert fields('web | {"level":"info","msg":"x","prefix":"own"}')["prefix"] == "own"
