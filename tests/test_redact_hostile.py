"""Redaction of hostile texts and by hostile expressions: time grows with the length, no faster."""

from __future__ import annotations

import time

import pytest

from exporter.redact import Redaction, Redactor, redactor

SHORT = 2 << 10
TIMES = 8
# What each would be if a pass over the text were made for each place in it: eight times this.
ALLOWED = 3.0
HIDING = redactor(Redaction())

TILES = (
    "password=", "token ", 'token=\\"', 'token="', "token='a\\", "token=[", "token=[a]x ",
    "token=[\n", '{"token":{',
    'token:["[redacted-key]" ', 'password="[redacted-key] ', "--password ", "a_password",
    "cookie: a=", "authorization: digest ", "eyJ", "eyJaaaaaaaa.", "eyJaaaaaaaa.aaaa.", "ghp_",
    "ghp_a", "xoxb-",
    "SG.aaaaaaaaaaaaaaaa.", "1", "4111 ", "4111-1111-", "a@", "a.b@c.", "a@b.co", "a.", "://",
    "a://b:", "a://b:c@", "a://b:1", "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\\n",
    "Bearer ", "Basic aaaaaaaa", "\\", '\\"', "'", '"', "\n", " ", "[", "{", "a=", "?sig=", "é@",
    "\ud800", "sk-", "key-", "12345678:AA", "A" * 64 + "\n", "[redacted-", "<redacted", "***", "${",
    "password=${", "password:\n", "password:\\n", "password: |\n ", "password\\u003d", "\\u0022",
    "password:\n\n", "password:\n  - ", "password: !!str ", "password: !!a", "&quot;",
    "password&quot;", "password:\n  x #", "password\xa0", "password%253D",
    "Bearer\\u0020", "aaaaaaaa\\u002b", "curl ", "curl -u ", "curl -u a:", "mysql -p", "mysql ' ",
    'curl "', 'curl "|', "curl ' -u ", 'curl \\"', "mysql -p'", 'mysql -p"|', "docker login ",
    "docker login -p ", "curl\\u0020-u\\u0020", "mongo -p ${", "mongo -p 1:", "mysql -pa-",
)  # fmt: skip


def cost(hiding: Redactor, text: str) -> float:
    """The least CPU time of three, in seconds a character."""
    found = []
    for _ in range(3):
        begun = time.thread_time()
        hiding.text(text)
        found.append((time.thread_time() - begun) / len(text))
    return min(found)


@pytest.mark.parametrize("tile", TILES, ids=ascii)
def test_no_text_costs_more_than_its_length(tile: str) -> None:
    short = (tile * SHORT)[:SHORT]
    hiding = redactor(Redaction())
    hiding.text(short)  # so that the automaton's states are there
    assert cost(hiding, short * TIMES) < ALLOWED * cost(hiding, short) + 1e-7


@pytest.mark.parametrize(
    "expression",
    [
        "(a+)+b",
        "(a|aa)+b",
        "(a*)*b",
        r"(\w+\s?)*!",
        "(x+x+)+y",
        ".*.*.*=.*",
        "a{1,200}b",
        "(?:a?){50}a{50}b",
    ],
)
def test_no_expression_of_an_operator_backtracks(expression: str) -> None:
    hiding = redactor(Redaction(patterns={"own": expression}))
    short = "a" * 2048
    hiding.text(short)
    assert cost(hiding, short * TIMES) < ALLOWED * cost(hiding, short) + 1e-7
    assert cost(hiding, short) * len(short) < 0.5


def test_lists_in_lists_cost_no_more() -> None:
    def nested(depth: int) -> str:
        return "token=[" * depth + "]" * depth + "x"

    HIDING.text(nested(100))
    assert cost(HIDING, nested(3200)) < ALLOWED * cost(HIDING, nested(400)) + 1e-7


def test_a_line_of_ten_megabytes_takes_a_moment() -> None:
    line = '{"level":30,"msg":"' + "all is well, " * 800_000 + '"}'
    begun = time.thread_time()
    assert HIDING.text(line) == line
    assert time.thread_time() - begun < 1.0
