"""Redaction: what has to go goes, in every make of line; what only looks alike stays."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.redact import Redaction, Redactor, redactor
from parsers.reading import read
from tests.support.canaries import Canary, canaries, fields, lines, near_misses

CANARIES = canaries()
SAID = [one.said for one in CANARIES]
HIDING = redactor(Redaction())
# A rule that asks for a text's ends turns the common look at all fields off.
ALONE = redactor(Redaction(patterns={"never": "^never-in-any-text$"}))


def counted(settings: Redaction) -> tuple[Redactor, Counter[str]]:
    counts = Counter[str]()
    return redactor(settings, lambda rule: counts.update((rule,))), counts


def test_there_are_enough_canaries_and_no_two_alike() -> None:
    assert len(CANARIES) >= 60
    assert len({one.secret for one in CANARIES}) == len(CANARIES) == len({*map(str, CANARIES)})
    assert all(one.leaked(one.said) for one in CANARIES)


@pytest.mark.parametrize("canary", CANARIES, ids=str)
def test_a_secret_goes_out_of_lines_and_records_of_every_make(canary: Canary) -> None:
    for make, line in [*lines(canary.said), *fields(canary)]:
        shown = HIDING.text(line)
        assert not canary.leaked(shown), (make, shown)
        record = read(shown)  # as outlets do: a header's parts may become fields
        told = [HIDING.text(record.message), repr(HIDING.fields(record.fields))]
        assert not any(map(canary.leaked, told)), (make, told)


@pytest.mark.parametrize("canary", CANARIES, ids=str)
def test_the_count_names_the_rule(canary: Canary) -> None:
    hiding, counts = counted(Redaction())
    hiding.text(canary.said)
    assert counts[canary.rule] == 1
    assert counts.total() <= 2  # a long one may lie in a URL that is hidden too


@pytest.mark.parametrize("canary", CANARIES, ids=str)
def test_what_is_hidden_once_stays_as_it_is(canary: Canary) -> None:
    for _, line in lines(canary.said):
        once = HIDING.text(line)
        again, counts = counted(Redaction())
        assert (again.text(once), counts) == (once, Counter())


@pytest.mark.parametrize("canary", CANARIES, ids=str)
def test_json_stays_json(canary: Canary) -> None:
    for make, line in [*lines(canary.said), *fields(canary)]:
        if line.startswith("{"):
            shown = json.loads(HIDING.text(line))
            assert shown.keys() == json.loads(line).keys(), make


@pytest.mark.parametrize("text", near_misses())
def test_what_only_looks_alike_stays(text: str) -> None:
    for make, line in lines(text):
        assert HIDING.text(line) == line, make
        record = read(line)
        assert HIDING.fields(record.fields) == record.fields, make


def test_what_stands_around_a_secret_stays() -> None:
    line = 'level=info msg="login" password="a \\" b" user=ann token=abc123, next=1'
    shown = 'level=info msg="login" password="[redacted-key]" user=ann token=[redacted-key], next=1'
    assert HIDING.text(line) == shown
    url = "see postgresql://watcher:hunter2@db:5432/shop?sslmode=require now"
    assert HIDING.text(url) == url.replace("hunter2", "[redacted-url]")


@pytest.mark.parametrize(
    "secret",
    [
        "***hunter2", "xxxxxxhunter2", "?hunter2", "...hunter2", "redactedhunter2", "$ecretHunter2",
        "${hunter2}", "{{hunter2}}", "[secret]hunter2", "[redacted-key]hunter2", "<none>hunter2",
        "%shunter2", "{}hunter2", "nullhunter2", "<hunter2",
        ">hunter2", "[a]hunter2", "{hunter2", "[redacted-hunter2!]",
    ],
)  # fmt: skip
def test_what_only_begins_like_something_hidden_is_hidden(secret: str) -> None:
    for text in (f"password={secret} x=1", f'"password":"{secret}"', f"token: {secret}"):
        assert "hunter2" not in HIDING.text(text)
    assert HIDING.fields({"password": secret}) == {"password": "[redacted-key]"}


@pytest.mark.parametrize("text", ["cookie: sid=abcdefghij", "session_id: AbCdEfGh", "token: ab+cd"])
def test_letters_alone_can_be_a_secret(text: str) -> None:
    assert HIDING.text(text) == f"{text.partition(' ')[0]} [redacted-key]"


def test_fields_are_judged_by_their_keys_however_deep() -> None:
    given: dict[str, Any] = {
        "user": "ann",
        "password": 12345,
        "retries": 3,
        "ok": True,
        "token": None,
        "headers": {"Accept": "*/*", "X-Api-Key": "k1", "Cookie": ["a=b"]},
        "credentials": {"user": "ann", "kind": "basic"},
        "card": 4111111111111111,
        "list": [{"clientSecret": "x"}, "password=y9", 4],
        "authorization": "[Redacted]",
    }
    assert HIDING.fields(given) == {
        "user": "ann",
        "password": "[redacted-key]",
        "retries": 3,
        "ok": True,
        "token": None,
        "headers": {"Accept": "*/*", "X-Api-Key": "[redacted-key]", "Cookie": ["[redacted-key]"]},
        "credentials": {"user": "[redacted-key]", "kind": "basic"},
        "card": "[redacted-card]",
        "list": [{"clientSecret": "[redacted-key]"}, "password=[redacted-key]", 4],
        "authorization": "[Redacted]",
    }
    assert HIDING.value("api_key", "x") == "[redacted-key]"
    assert HIDING.value("note", b"password=x") == "password=[redacted-key]"


def test_a_list_that_begins_with_something_hidden_is_hidden() -> None:
    assert "hunter2" not in HIDING.text('"tokens_secret":["[redacted-key]","hunter2"],"a":1')


def test_depth_has_an_end() -> None:
    deep: Any = "password=hunter2"
    for _ in range(10_000):
        deep = [deep]
    assert "hunter2" not in repr(HIDING.value("x", deep))


def test_a_private_key_goes_as_a_whole_and_line_by_line() -> None:
    body = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj", "Qx0MpXsh5n9Lcw=="]
    block = ["-----BEGIN PRIVATE KEY-----", *body, "-----END PRIVATE KEY-----"]
    shown = HIDING.text("\n".join(["read", *block, "password=x1", "done"]))
    assert shown.splitlines() == [
        "read",
        "-----BEGIN PRIVATE KEY-----[redacted-private_key]-----END PRIVATE KEY-----",
        "password=[redacted-key]",
        "done",
    ]
    for line in body:
        assert HIDING.text(line) == "[redacted-private_key]"


def test_people_and_cards_are_a_choice() -> None:
    text = "ann@example.com paid by 4111 1111 1111 1111 with password=x1"
    assert (
        HIDING.text(text) == "[redacted-email] paid by [redacted-card] with password=[redacted-key]"
    )
    neither = redactor(Redaction(emails=False, cards=False))
    assert neither.text(text) == text.replace("=x1", "=[redacted-key]")


def test_off_is_off() -> None:
    text = "password=x1 ghp_" + "a1" * 18
    off = redactor(Redaction(enabled=False))
    assert off.text(text) == text
    assert off.fields({"password": text}) == {"password": text}


def test_own_names_count_in_text_and_in_fields() -> None:
    hiding = redactor(Redaction(keys=("iban", "X-Internal-Ticket")))
    assert hiding.text("iban=DE0012 internal_ticket=7 xInternalTicket: 9a9") == (
        "iban=[redacted-key] internal_ticket=7 xInternalTicket: [redacted-key]"
    )
    assert hiding.fields({"customerIban": "DE0012", "x-internal-ticket": 4}) == {
        "customerIban": "[redacted-key]",
        "x-internal-ticket": "[redacted-key]",
    }


def test_own_patterns_hide_their_group_or_all() -> None:
    patterns = {"customer": r"\bC-\d{6}\b", "plate": r"plate (\w+)"}
    counts = Counter[str]()
    hiding = redactor(Redaction(patterns=patterns), lambda rule: counts.update((rule,)))
    assert hiding.text("C-123456 has plate B7, C-1 has none") == (
        "[redacted-customer] has plate [redacted-plate], C-1 has none"
    )
    assert counts == {"customer": 1, "plate": 1}


def test_a_pattern_may_ask_for_the_ends_of_a_text() -> None:
    hiding = redactor(Redaction(patterns={"whole": r"^\d{4}$"}))
    fields = {"a": "1234", "b": "12345", "c": ["5678"], "d": "x 1234"}
    assert hiding.fields(fields) == {**fields, "a": "[redacted-whole]", "c": ["[redacted-whole]"]}


@given(
    st.dictionaries(st.text(max_size=8), st.text(max_size=20) | st.sampled_from(SAID), max_size=5)
)
def test_fields_looked_at_together_are_what_each_is_alone(fields: dict[str, str]) -> None:
    assert HIDING.fields(fields) == ALONE.fields(fields)


@pytest.mark.parametrize(
    ("name", "expression", "why"),
    [
        ("Customer", "x", "a name has small letters"),
        ("a", "(", "missing"),
        ("a", r"(?=x)y", "it has no look-around"),
        ("a", r"(x)\1", "no back-references"),
        ("a", "x*", "fits where nothing stands"),
        ("a", "(((x{30}){30}){30})", "RE2 does not read it|repeats too much"),
        ("a", r"(?:\pL{500}){2}", "RE2 does not read it|repeats too much"),
        ("a", "x" * 1001, "1000 characters long at the most"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(name: str, expression: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Redaction(patterns={name: expression})


def test_each_outlet_counts_for_itself() -> None:
    one, other = Counter[str](), Counter[str]()
    first = redactor(Redaction(), lambda rule: one.update((rule,)))
    second = first.counting(lambda rule: other.update((rule,)))
    first.text("password=x1")
    second.text("mail to ann@example.com and bob@example.com")
    assert (one, other) == ({"key": 1}, {"email": 2})


@given(st.text(), st.sampled_from(CANARIES), st.text())
def test_whatever_stands_around_it_nothing_breaks(before: str, canary: Canary, after: str) -> None:
    shown = HIDING.text(f"{before} {canary.said} {after}")
    assert HIDING.text(shown) == shown or not canary.leaked(shown)
    HIDING.fields({before: after, after: [before]})


def test_half_a_surrogate_pair_hides_nothing_from_us() -> None:
    assert HIDING.text("\ud800 password=hunter2") == "? password=[redacted-key]"
    assert HIDING.fields({"a": "\ud800 password=x"}) == {"a": "? password=[redacted-key]"}


@pytest.mark.parametrize(
    "text",
    [
        "no password:\nnext line of the log",
        "password:\n  host: db",
        "password:\n---",
        "auth:\n  enabled",
        "Token:\nEOF",
        "Invalid password:\nretrying",
        "api key:\nrotated2",
        "secret:\n  secretName",
        "secret:\n  secretName: x",
        "secrets:\n  database",
        "token:\n",
        "PASSWORD=\nUSER=ann",
        '{"password":\n  null}',
    ],
)
def test_a_line_below_a_name_that_is_no_value_stays(text: str) -> None:
    assert HIDING.text(text) == text
    assert HIDING.text(json.dumps({"msg": text})) == json.dumps({"msg": text})
