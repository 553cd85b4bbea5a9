"""What bodies may be: packed, cut off, of any spelling, hostile; and what is read out of them."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from exporter.sources.probes.verdict import Result
from tests.support.asking import until
from tests.support.probing import http, once, plan_of, probed, saying, serving

ZEROS = bytes(10 << 20)
BROTLI_BOMB = bytes.fromhex("5b ff ff af 02 c0 22 79 5c fb 5a 8c 42 3b f4 25 55 19 5a 92 99 b1 35")
OK = b'{"status": "ok"}'


async def answered(answer: bytes, more: str = "json: {status: ok}") -> Result:
    """What a probe makes of an answer."""
    async with serving(saying(answer)) as port:
        return (await once(f"base: http://127.0.0.1:{port}\nhttp: {{x: {{{more}}}}}"))["x"]


def packed(body: bytes, coding: str) -> bytes:
    return http(body, "200 OK", f"Content-Encoding: {coding}")


def chunked(*parts: bytes, coding: str) -> bytes:
    """An answer in pieces."""
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: {coding}\r\n\r\n"
    return head.encode() + b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in (*parts, b""))


ANSWERS: dict[str, tuple[bytes, str | None]] = {
    "gzip": (packed(gzip.compress(OK), "gzip"), None),
    "deflate": (packed(zlib.compress(OK), "deflate"), None),
    "in pieces": (chunked(*(bytes([one]) for one in gzip.compress(OK)), coding="gzip"), None),
    "a gzip bomb": (packed(gzip.compress(ZEROS), "gzip"), "size"),
    "a deflate bomb": (packed(zlib.compress(ZEROS), "deflate"), "size"),
    "a bomb in pieces": (chunked(gzip.compress(ZEROS)[:5000], b"x", coding="gzip"), "size"),
    "a bomb in a bomb": (packed(gzip.compress(gzip.compress(ZEROS)), "gzip, gzip"), "other"),
    "brotli, which nobody asked for": (packed(BROTLI_BOMB, "br"), "other"),
    "cut off within": (packed(gzip.compress(OK)[:-9], "gzip"), "other"),
    "without its sum": (packed(gzip.compress(OK)[:-8], "gzip"), "other"),
    "of a wrong sum": (packed(gzip.compress(OK)[:-8] + b"12345678", "gzip"), "other"),
    "packed and empty": (packed(b"", "gzip"), "json"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_packed_body_is_whole_or_no_answer(name: str) -> None:
    answer, reason = ANSWERS[name]
    result = await answered(answer)
    assert (result.failure and result.failure.reason) == reason, result.failure


@pytest.mark.parametrize(("size", "reason"), [(20_000, None), (70_000, "other")])
async def test_a_header_may_be_long(size: int, reason: str | None) -> None:
    policy = f"Content-Security-Policy: {'x' * size}"
    result = await answered(http(OK, "200 OK", policy))
    assert (result.failure and result.failure.reason) == reason


async def test_half_a_packed_body_does_not_pass_for_a_whole_one() -> None:
    """What came of it has what was looked for."""
    result = await answered(packed(gzip.compress(b"ok" * 500)[:-8], "gzip"), "body: {contains: ok}")
    assert result.failure is not None
    assert result.failure.reason == "other"


BODIES: dict[str, tuple[bytes, bool]] = {
    "with the mark of Windows": (b"\xef\xbb\xbf" + OK, True),
    "UTF-16": (OK.decode().encode("utf-16"), True),
    "with blanks around": (b"\r\n\t " + OK + b" \n", True),
    "the last of two keys counts": (b'{"status": "error", "status": "ok"}', True),
    "the first does not": (b'{"status": "ok", "status": "error"}', False),
    "not UTF-8": ('{"status": "ok", "who": "Jürgen"}'.encode("latin-1"), False),
    "a number that is none": (b'{"status": "ok", "load": NaN}', False),
    "one beyond all": (b'{"status": "ok", "load": 1e999}', True),
    "one of 5000 digits": (b'{"status": "ok", "load": %s}' % (b"9" * 5000), False),
    "one of 4000 digits": (b'{"status": "ok", "load": %s}' % (b"9" * 4000), True),
    "as deep as can be": (
        b'{"status": "ok", "more": %s%s}' % (b"[" * 90_000, b"]" * 90_000),
        False,
    ),
    "two documents": (OK + OK, False),
    "cut off": (OK[:-1], False),
    "with a comma too many": (b'{"status": "ok",}', False),
    "nothing": (b"", False),
    "null": (b"null", False),
    "a list": (b"[%s]" % OK, False),
    "a text": (b'"ok"', False),
    "with half a letter": (b'{"status": "ok", "who": "\\ud800"}', True),
    "with a NUL": (b'{"status": "ok\\u0000"}', False),
    "of another kind": (b'{"status": ["ok"]}', False),
    "true is not the text": (b'{"status": true}', False),
}


@pytest.mark.parametrize("name", BODIES)
async def test_json_is_held_to_what_it_should_say(name: str) -> None:
    body, good = BODIES[name]
    result = await answered(http(body))
    assert (result.failure and result.failure.reason) == (None if good else "json")


READ = """
fields: {load: load, jobs: {path: jobs, as: length}, at: {path: at, as: time}, q_*: "queues.*.n"}
components: {db: {path: db, is: up}, disk: {path: disk.free, min: 5}}
rows: [{path: "parts[*]", labels: {component: name}, up: {state: well}}]
version: version
"""
SAID: dict[str, tuple[Any, dict[str, float]]] = {
    "all of it": (
        {
            "load": "1.5",
            "jobs": [1, 2],
            "at": "1970-01-01T00:01:00Z",
            "queues": {"mail": {"n": 3}},
            "db": "up",
            "disk": {"free": 9},
            "parts": [{"name": "a", "state": "well"}, {"name": "b", "state": 1}],
            "version": 2,
        },
        {"load": 1.5, "jobs": 2, "at": 60, "q_mail": 3, "2": 1, "db": 1, "disk": 1, "a": 1, "b": 0},
    ),
    # A named part of which nothing is said is not well; what was to be counted is unknown.
    "none of it": ({}, {"db": 0, "disk": 0}),
    "all of other kinds": (
        {
            "load": {"now": 1},
            "jobs": 7,
            "at": 60,
            "queues": [1, None, {"n": "many"}],
            "db": {"state": "up"},
            "disk": "full",
            "parts": {"a": {"state": "well"}, "b": None, "c": {"name": None, "state": "well"}},
            "version": ["1"],
        },
        {"db": 0, "disk": 0},
    ),
    "numbers beyond all": (
        {"load": 10**400, "queues": {"a": {"n": "1e999"}}},
        {"db": 0, "disk": 0},
    ),
    "odd names": (
        {"queues": {"\ud800": {"n": 1}, "*": {"n": 2}, "x" * 500: {"n": 3}}, "db": "up"},
        {"q_?": 1, "q_": 2, "q_" + "x" * 118: 3, "db": 1, "disk": 0},
    ),
}


@pytest.mark.parametrize("name", SAID)
async def test_what_is_not_there_or_of_another_kind_gives_nothing(name: str) -> None:
    said, found = SAID[name]
    result = await answered(http(json.dumps(said)), READ.strip().replace("\n", ", "))
    assert {list(one.labels.values())[-1]: one.value for one in result.points or ()} == found


async def test_no_name_of_a_strangers_spoils_the_page_or_the_state() -> None:
    names = ["\ud800", "a\nb", 'c"d', "e\\f", "\x00", "\u2028", ""]
    body = json.dumps({"queues": {name: {"n": 1} for name in names}})
    async with serving(saying(http(body))) as port:
        fields = "{kind: status, fields: {'q_*': queues.*.n}}"
        async with probed(f"base: http://127.0.0.1:{port}\nhttp: {{x: {fields}}}") as asked:
            await until(lambda: len(asked.series("watched_probe_field")) == 7, "the fields")
            json.dumps(asked.shard.dump(), ensure_ascii=False, default=str).encode()


def test_a_limit_holds_for_what_is_unpacked() -> None:
    plan = plan_of("base: http://shop\nhttp: {x: {limit: 2MiB}}")
    assert plan.probing.probes is not None
    (check,) = plan.probing.probes.checks
    assert check.http.limit == 2 << 20  # type: ignore[union-attr]  # it is one by HTTP
