"""The grammar of key-value lines, case by case; every expected value is written by hand.

The cases named after a family are those on which logfmt readers in use disagree.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.keyvalue import NOT_CLOSED, TEXT_BEHIND, parse

PLAIN: list[tuple[str, str, dict[str, Any]]] = [
    # head and message
    ("[INFO] Completed job", "Completed job", {}),
    ("[INFO] Completed job ", "Completed job", {}),
    ("[INFO]", "", {}),
    ("[INFO] ", "", {}),
    ("[INFO]   Two  spaces   a=1", "Two  spaces", {"a": "1"}),
    ("Completed job a=1", "Completed job", {"a": "1"}),
    ("[INFO] a=1", "", {"a": "1"}),
    ("[INFO] Worker started (pid: 5104) ", "Worker started (pid: 5104)", {}),
    (
        "[INFO] Job deferred for 900 seconds (increment_retries=False): job_class=a.B job_uuid=0",
        "Job deferred for 900 seconds (increment_retries=False):",
        {"job_class": "a.B", "job_uuid": "0"},
    ),
    ("[INFO] x == y, z =1 a=1", "x == y, z =1", {"a": "1"}),
    ("[INFO] 1a=2 é=3 b=4", "1a=2 é=3", {"b": "4"}),
    ("é=ü a=1", "é=ü", {"a": "1"}),
    ("[INFO] tab\ta=1 b=2", "tab\ta=1", {"b": "2"}),
    # keys
    ("x _a=1 a-b=2 a.b=3 A9=4", "x", {"_a": "1", "a-b": "2", "a.b": "3", "A9": "4"}),
    ("x a=1 a=2 a=3", "x", {"a": "1"}),
    # bare values
    ("x a= b=1", "x", {"a": "", "b": "1"}),
    ("x a=", "x", {"a": ""}),
    ("x a=b=c", "x", {"a": "b=c"}),
    ("x url=https://e.org/?x=y&z=1 b=2", "x", {"url": "https://e.org/?x=y&z=1", "b": "2"}),
    ("x sig=YWJjZA== b=2", "x", {"sig": "YWJjZA==", "b": "2"}),
    ("x tab=a\tb c=d", "x", {"tab": "a\tb", "c": "d"}),
    ("x list=['a','b'] b=2", "x", {"list": "['a','b']", "b": "2"}),
    ('x json={"a":1} b=2', "x", {"json": '{"a":1}', "b": "2"}),
    ("x bs=back\\slash b=2", "x", {"bs": "back\\slash", "b": "2"}),
    ('x a=b"c b=2', "x", {"a": 'b"c', "b": "2"}),
    ("x nbsp=a\u00a0b em=a\u2003b", "x", {"nbsp": "a\u00a0b", "em": "a\u2003b"}),
    ("x emoji=żółć🚀 b=2", "x", {"emoji": "żółć🚀", "b": "2"}),
    ("x a=1   b=2  ", "x", {"a": "1", "b": "2"}),
    # quoted values
    ('x a="" b="c d"', "x", {"a": "", "b": "c d"}),
    ('x a="b=c d=e" f=1', "x", {"a": "b=c d=e", "f": "1"}),
    ('x title="Fix \\"foo\\" bug" b=2', "x", {"title": 'Fix "foo" bug', "b": "2"}),
    ('x path="C:\\temp\\x y" b=2', "x", {"path": "C:\\temp\\x y", "b": "2"}),
    ('x a="\\n\\t\\u00e9 \\\\" b=2', "x", {"a": "\\n\\t\\u00e9 \\\\", "b": "2"}),
    ('x a="tab\tin" b=2', "x", {"a": "tab\tin", "b": "2"}),
    ('x a=" b " c=1', "x", {"a": " b ", "c": "1"}),
    # a value that ends in a backslash, which the formatter does not escape
    ('x dir="C:\\my dir\\" next="y" b=1', "x", {"dir": "C:\\my dir\\", "next": "y", "b": "1"}),
    ('x dir="C:\\my dir\\" n=5 q="D:\\e f\\" r="s"', "x",
     {"dir": "C:\\my dir\\", "n": "5", "q": "D:\\e f\\", "r": "s"}),
    ('x dir="C:\\my dir\\"', "x", {"dir": "C:\\my dir\\"}),
    ('x dir="C:\\my dir\\" n=5', "x", {"dir": "C:\\my dir\\", "n": "5"}),
    ('x a="say \\"b=1\\" and C:\\" q="z"', "x", {"a": 'say "b=1" and C:\\', "q": "z"}),
    # single quotes
    ("x a='b c' d=1", "x", {"a": "b c", "d": "1"}),
    ("x a='b' d=1", "x", {"a": "b", "d": "1"}),
    ("x a='' d=1", "x", {"a": "", "d": "1"}),
    ("x a='it's me' d=1", "x", {"a": "it's me", "d": "1"}),
    ("x a='b c=1", "x", {"a": "'b", "c": "1"}),
    ("x a='b'c d=1", "x", {"a": "'b'c", "d": "1"}),
    ("x a='b \"c\" d' e=1", "x", {"a": 'b "c" d', "e": "1"}),
    # words between pairs lose nothing
    ("x a=1 and then b=2", "x", {"a": "1", "and": True, "then": True, "b": "2"}),
    ("x a=1 =2 1b=3 é=4 c=5", "x", {"a": "1", "=2": True, "1b=3": True, "é=4": True, "c": "5"}),
    ('x a=1 "b c" d=2', "x", {"a": "1", '"b': True, 'c"': True, "d": "2"}),
    # level, time and message are just fields
    ("[INFO] x level=ERROR time=1 msg=no", "x", {"level": "ERROR", "time": "1", "msg": "no"}),
    # what an editor or a terminal left
    ("\ufeff[INFO] x a=1\r\n", "x", {"a": "1"}),
    ("\x1b[32m[INFO]\x1b[0m x \x1b[36ma=\x1b[0m1", "x", {"a": "1"}),
    ("[INFO] x nul=a\x00b c=1", "x", {"nul": "a\x00b", "c": "1"}),
]  # fmt: skip

LOGFMT: list[tuple[str, str, dict[str, Any]]] = [
    ("level=info msg=hello", "hello", {"level": "info", "msg": "hello"}),
    ('message="a b" n=1', "a b", {"message": "a b", "n": "1"}),
    ("msg=first message=second", "first", {"msg": "first", "message": "second"}),
    ("a=1 b=2", "", {"a": "1", "b": "2"}),
    ("a=1\tb=2 \t c=3", "", {"a": "1", "b": "2", "c": "3"}),
    ("a b=1", "a", {"b": "1"}),  # no pair first: that is a message
    ("b=1 a", "", {"b": "1", "a": True}),
    ("a=1 dry verbose b=2", "", {"a": "1", "dry": True, "verbose": True, "b": "2"}),
    ('a="" b= c=3', "", {"a": "", "b": "", "c": "3"}),
    ("k= k2=v", "", {"k": "", "k2": "v"}),
    ("k=\tk2=v", "", {"k": "", "k2": "v"}),
    ("a=b=c", "", {"a": "b=c"}),
    ("u=http://h/?x=1&b=2 s=YQ==", "", {"u": "http://h/?x=1&b=2", "s": "YQ=="}),
    ("a=1 a=2", "", {"a": "1"}),
    ('a="\\n\\t\\r\\\\\\"\\/"', "", {"a": '\n\t\r\\"/'}),
    ('a="\\a\\b\\f\\v\\\'"', "", {"a": "\a\b\f\v'"}),
    ('a="\\u00e9\\U0001F680\\x41"', "", {"a": "é🚀A"}),
    ('a="\\ud83d\\ude80"', "", {"a": "🚀"}),
    ('a="\\ud83d!"', "", {"a": "\ufffd!"}),
    ('a="\\q \\0 \\xff \\u12 \\UFFFFFFFF"', "", {"a": "\\q \\0 \\xff \\u12 \\UFFFFFFFF"}),
    ('a="C:\\\\" b=1', "", {"a": "C:\\", "b": "1"}),
    ('a="C:\\" b="x"', "", {"a": "C:\\", "b": "x"}),
    ('a="b"\tc=1', "", {"a": "b", "c": "1"}),
    ("a='b c'\td=1", "", {"a": "b c", "d": "1"}),
    ("a=back\\nslash", "", {"a": "back\\nslash"}),
    ("a=ü b=é", "", {"a": "ü", "b": "é"}),
    ("\ufeffa=1", "", {"a": "1"}),
    ("INFO a=1", "", {"a": "1"}),
    ("2026-11-20T23:58:29Z a=1", "", {"a": "1"}),
]  # fmt: skip

ODD = [
    # text right behind a closing quote
    ('x k="b"c=d e=1', {"k": "b", "c": "d", "e": "1"}, TEXT_BEHIND),
    ('x k="b"junk e=1', {"k": "b", "junk": True, "e": "1"}, TEXT_BEHIND),
    ('x k="b""c" e=1', {"k": "b", '"c"': True, "e": "1"}, TEXT_BEHIND),
    ('x k="b"\tc e=1', {"k": "b", "\tc": True, "e": "1"}, TEXT_BEHIND),
    ('k="b"c=d e=1', {"k": "b", "c": "d", "e": "1"}, TEXT_BEHIND),
    # a quote that is never closed costs its own value's end, no other pair
    ('x k="b c e=1', {"k": "b c", "e": "1"}, NOT_CLOSED),
    ('x k="b c', {"k": "b c"}, NOT_CLOSED),
    ('x k="', {"k": ""}, NOT_CLOSED),
    ('x k=" e=1', {"k": "", "e": "1"}, NOT_CLOSED),
    ('x k="say \\"b c', {"k": 'say "b c'}, NOT_CLOSED),
    ('x k="b c e="f" g="h i"', {"k": "b c", "e": "f", "g": "h i"}, NOT_CLOSED),
    ('x k="b c d=1 e="f" g=2', {"k": "b c", "d": "1", "e": "f", "g": "2"}, NOT_CLOSED),
    ('k="b c\te=1', {"k": "b c", "e": "1"}, NOT_CLOSED),
    ('k="b\\nc e=1', {"k": "b\nc", "e": "1"}, NOT_CLOSED),
]

HEADS = [
    ("[INFO] x", "info", None),
    ("[warning] x", "warning", None),
    ("[Critical] x", "critical", None),
    ("ERROR x happened", "error", None),
    ("[NOTICE] x", "info", None),
    ("2026-11-20T23:58:29Z x happened", None, "2026-11-20T23:58:29Z"),
    ("2026-11-20 23:58:29,123 INFO x", "info", "2026-11-20 23:58:29,123"),
    ("INFO 2026-11-20 23:58:29.123 x", "info", "2026-11-20 23:58:29.123"),
    ("2026-11-20T23:58:29+01:00 [INFO] x", "info", "2026-11-20T23:58:29+01:00"),
    ("[DEBUG] 2026-11-20T23:58:29.123456789+0000 x", "debug", "2026-11-20T23:58:29.123456789+0000"),
    ("level=warn ts=1795219172.5 msg=x", "warning", "1795219172.5"),
    ("lvl=eror time=5 msg=x", "error", "5"),
    ("severity=ERROR timestamp=2026-11-20T23:58:29Z msg=x", "error", "2026-11-20T23:58:29Z"),
    ("level=odd lvl=warn msg=x", "warning", None),
    ("ERROR level=info msg=x", "error", None),
    ("2026-11-20T23:58:29Z time=1 level=info", "info", "2026-11-20T23:58:29Z"),
]

NOT_MINE = [
    "",
    "   ",
    "Plain words only.",
    "[NOLEVEL] x",
    "Info x",
    "info x",
    "INFORMER x",
    "INFO: x",
    "[INFO]x",
    "[INFO ] x",
    "2026-11-20 x",
    "x a = 1",
    "(a=1)",
    "x\ta=1",
    "GET /?a=1",
    "=",
    '"a=1"',
]


@pytest.mark.parametrize(("line", "message", "fields"), PLAIN + LOGFMT)
def test_a_line_gives_its_message_and_pairs(
    line: str, message: str, fields: dict[str, Any]
) -> None:
    record = parse(line)
    assert record is not None
    assert (record.message, record.fields, record.reason) == (message, fields, None)


@pytest.mark.parametrize(("line", "fields", "reason"), ODD)
def test_one_bad_token_costs_no_other(line: str, fields: dict[str, Any], reason: str) -> None:
    record = parse(line)
    assert record is not None
    assert (record.fields, record.reason) == (fields, reason)


@pytest.mark.parametrize(("line", "level", "time"), HEADS)
def test_a_head_is_a_level_and_a_time_in_either_order(
    line: str, level: str | None, time: str | None
) -> None:
    record = parse(line)
    assert record is not None
    assert (record.level, record.time) == (level, time)


@pytest.mark.parametrize("line", NOT_MINE)
def test_a_line_with_neither_head_nor_pair_is_of_another_format(line: str) -> None:
    assert parse(line) is None


def _as_plain_writes(value: str) -> str:
    """How the plain framework's formatter writes a value, from its description."""
    if '"' in value:
        return '"' + value.replace('"', '\\"') + '"'
    if not value:
        return '""'
    return f'"{value}"' if any(sign in value for sign in " /':=.") else value


# A backslash before a quote or at the end is what that formatter writes ambiguously; single quotes
# and tabs at the edge of a bare value cannot occur in it.
VALUES = st.text(
    st.characters(codec="utf-8", exclude_characters="\\\n\r\x1b\ufeff"), max_size=30
).filter(lambda value: value.strip(" ") == value)


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True), VALUES))
def test_what_the_plain_formatter_writes_is_read_back(fields: dict[str, str]) -> None:
    pairs = " ".join(f"{key}={_as_plain_writes(value)}" for key, value in fields.items())
    record = parse(f"[INFO] Some message {pairs}")
    assert record is not None
    assert (record.message, record.fields, record.reason) == ("Some message", fields, None)


@given(st.text(st.sampled_from("ab= \\\t.é1-"), max_size=60))
def test_a_pair_behind_any_unquoted_noise_survives(noise: str) -> None:
    record = parse(f"[INFO] {noise} zz=1")
    assert record is not None
    assert record.fields["zz"] == "1"


@given(st.text(st.sampled_from("ab=\"'\\ \t.é"), max_size=60))
def test_any_line_is_read_and_read_again_the_same(noise: str) -> None:
    first = parse(f"[INFO] {noise}")
    assert first is not None
    assert first == parse(f"\ufeff[INFO] {noise}\n")
    assert all(key for key in first.fields)
