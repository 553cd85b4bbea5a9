"""What is pushed becomes lines and counts once it is acknowledged; what cannot be, is said."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json

import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from exporter.access import Access
from exporter.app import receiving
from exporter.server import Server
from exporter.sources.otlp import Otlp, inbox
from exporter.sources.otlp.lines import line
from parsers.reading import read
from tests.support.doors import hashed
from tests.support.pushing import JSON, PATH, PROTOBUF, Post, attributes, export, push, said, text

ERROR = SeverityNumber.SEVERITY_NUMBER_ERROR
AT = 1_795_000_000_123_456_789


@pytest.fixture
def post() -> Post:
    return Post()


def record(body: AnyValue | None = None, **more: object) -> LogRecord:
    return LogRecord(body=body, severity_number=ERROR, time_unix_nano=AT, **more)  # type: ignore[arg-type]  # the test knows its fields


# -- lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        "level=info msg=started port=80",
        "Traceback (most recent call last):\n  File x\nValueError: no",
        '{"level":"info","msg":"done"}',
        "plain",
    ],
)
def test_a_line_that_nobody_has_read_is_taken_as_it_is(raw: str) -> None:
    assert line(LogRecord(body=text(raw + "\n"), attributes=attributes(log_file="x"))) == raw


def test_a_json_line_is_taken_as_it_is_whatever_it_came_with() -> None:
    raw = '{"level":"info","msg":"done"}'
    assert line(record(text(raw), attributes=attributes(a="b"))) == raw
    assert json.loads(line(record(text("{no json}"))))["msg"] == "{no json}"


def test_a_record_becomes_a_line_that_says_all_of_it() -> None:
    given = [
        KeyValue(key="user.id", value=AnyValue(int_value=7)),
        KeyValue(key="took", value=AnyValue(double_value=0.5)),
        KeyValue(key="odd", value=AnyValue(double_value=float("nan"))),
        KeyValue(key="ok", value=AnyValue(bool_value=False)),
        KeyValue(key="raw", value=AnyValue(bytes_value=b"\xff")),
        KeyValue(key="msg", value=text("not the message")),
        KeyValue(
            key="more",
            value=AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue()])),
        ),
    ]
    found = line(
        record(text("two\nlines"), attributes=given, trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    )
    assert "\n" not in found
    assert json.loads(found) == {
        "time": "2026-11-18T11:06:40.123456789Z",
        "level": "error",
        "msg": "two\nlines",
        "user.id": 7,
        "took": 0.5,
        "odd": "nan",
        "ok": False,
        "raw": base64.b64encode(b"\xff").decode(),
        "more": [1, None],
        "trace_id": "01" * 16,
        "span_id": "02" * 8,
    }


@pytest.mark.parametrize(
    ("number", "level"),
    [(1, "trace"), (4, "trace"), (5, "debug"), (9, "info"), (12, "info"), (13, "warning"),
     (17, "error"), (21, "critical"), (24, "critical")],
)  # fmt: skip
def test_severities_are_levels(number: int, level: str) -> None:
    found = line(LogRecord(body=text("x"), severity_number=number))  # type: ignore[arg-type]  # as it is on the wire
    assert json.loads(found)["level"] == level


def test_a_body_of_fields_is_a_line_of_fields() -> None:
    body = AnyValue(kvlist_value=KeyValueList(values=attributes(msg="paid", order="7")))
    found = json.loads(line(record(body, attributes=attributes(order="8", shop="x"))))
    assert (found["msg"], found["order"], found["shop"]) == ("paid", "7", "x")


def test_an_exception_is_found_by_who_reads_the_line() -> None:
    given = attributes(**{
        "exception.type": "ValueError",
        "exception.message": "no",
        "exception.stacktrace": "Traceback (most recent call last):\nValueError: no",
    })  # fmt: skip
    found = read(line(record(text("failed"), attributes=given)))
    assert (found.level, found.message, found.exception) == ("error", "failed", "ValueError")


def test_an_event_without_a_body_is_told_and_nothing_is_nothing() -> None:
    assert json.loads(line(LogRecord(event_name="paid")))["event_name"] == "paid"
    assert line(LogRecord()) == ""
    assert line(LogRecord(body=text("\n"))) == ""


# -- receiving ----------------------------------------------------------------------------------


def as_json(body: bytes) -> bytes:
    """The same request in OTLP's JSON, whose ids are hexadecimal."""
    found = MessageToDict(type(export()).FromString(body))
    for resource in found["resourceLogs"]:
        for scope in resource["scopeLogs"]:
            for one in scope["logRecords"]:
                for key in ("traceId", "spanId"):
                    if key in one:
                        one[key] = base64.b64decode(one[key]).hex()
                one["fromTheFuture"] = {"a": 1}
    return json.dumps(found).encode()


@pytest.mark.parametrize("kind", [PROTOBUF, JSON, "application/json; charset=utf-8"])
@pytest.mark.parametrize("encoding", ["", "identity", "gzip"])
async def test_both_spellings_packed_or_not_become_the_same_lines(
    post: Post, kind: str, encoding: str
) -> None:
    body = export(record(text("x"), trace_id=b"\xab" * 16), record(text("y"))).SerializeToString()
    sent = body if kind == PROTOBUF else as_json(body)
    headers = {"Content_Encoding": encoding} if encoding else {}
    async with post.serve() as server:
        answer = await push(
            server, gzip.compress(sent) if encoding == "gzip" else sent, kind, **headers
        )
    assert (answer.status, answer.kind) == (200, kind.partition(";")[0])
    assert answer.body == (b"" if kind == PROTOBUF else b"{}")
    (first, second) = map(json.loads, post.sinks.lines["web"])
    assert (first["msg"], first["trace_id"], second["msg"]) == ("x", "ab" * 16, "y")
    assert 'sidewatch_receiver_records_total{outcome="counted"} 2' in post.told()
    assert 'sidewatch_receiver_requests_total{status="200"} 1' in post.told()


async def test_who_is_not_configured_is_rejected_and_the_others_counted(post: Post) -> None:
    both = said("a", "b") + said("c", sender="stranger") + said("d", sender="shop-worker")
    both += export(LogRecord()).SerializeToString()  # requests of protobuf add up
    async with post.serve() as server:
        answer = await push(server, both)
        assert answer.status == 200
        rejected, why = answer.partial
        told = await push(server, as_json(said("c", sender="stranger")), JSON)
    assert rejected == 2
    assert why == (
        "no application is configured for the service.name 'stranger'; 1 records say nothing"
    )
    assert json.loads(told.body)["partialSuccess"]["rejectedLogRecords"] == "1"
    assert post.sinks.lines == {"web": [b"a", b"b"], "worker": [b"d"]}
    assert 'sidewatch_receiver_records_total{outcome="rejected"} 3' in post.told()


async def test_success_is_told_only_when_all_has_been_counted(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "COUNTING_SECONDS", 0.3)
    monkeypatch.setattr(inbox.Inbox, "next", _never)
    for running in (True, False):
        post.running = running
        async with post.serve() as server:
            answer = await push(server, said("a"))
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert Status.FromString(answer.body).message == "Not counted in time. Send it again."
    assert post.sinks.lines == {}


async def _never(*_: object) -> None:
    await asyncio.Event().wait()


async def test_what_nobody_waits_for_any_more_is_not_counted() -> None:
    box = inbox.Inbox()
    with box.attended():
        waiting = asyncio.create_task(box.deliver({"web": b"a\n"}))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await box.next(0.01) is None


async def test_who_waits_when_the_counting_ends_is_told_at_once() -> None:
    box = inbox.Inbox()
    with box.attended():
        waiting = asyncio.create_task(box.deliver({"web": b"a\n"}))
        await asyncio.sleep(0)
    with pytest.raises(inbox.Unattended):
        await waiting
    with pytest.raises(inbox.Unattended):
        await box.deliver({"web": b"a\n"})


async def test_a_full_inbox_says_so(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "COUNTING_SECONDS", 1.0)
    monkeypatch.setattr(inbox, "MOST_BYTES", 1000)
    monkeypatch.setattr(inbox.Inbox, "next", _never)
    async with post.serve() as server:
        answers = await asyncio.gather(*(push(server, said("x" * 600)) for _ in range(3)))
    assert sorted(one.status for one in answers) == [429, 429, 503]
    assert all(one.headers["Retry-After"] == "5" for one in answers)


async def test_a_source_that_ends_in_the_middle_has_not_counted(post: Post) -> None:
    async with post.serve() as server:
        await asyncio.sleep(0)
        feed = post.sinks.feed

        def cut(cursor: object, chunk: bytes) -> int:
            post.tasks[0].cancel()
            return feed(cursor, chunk)  # type: ignore[arg-type]  # it is a cursor

        post.sinks.feed = cut  # type: ignore[method-assign]  # the shard is replaced meanwhile
        assert (await push(server, said("a"))).status == 503


async def test_long_lines_and_many_of_them_are_all_counted(post: Post) -> None:
    long = "x" * 900_000
    lines = [long, *(f"line {number}" for number in range(19_000))]
    async with post.serve() as server:
        assert (await push(server, said(*lines))).status == 200
    assert post.sinks.lines["web"] == [one.encode() for one in lines]


async def test_a_password_is_asked_for(post: Post) -> None:
    post.access = Access(users={"app": hashed("right").encode()})
    good = "Basic " + base64.b64encode(b"app:right").decode()
    async with post.serve() as server:
        assert (await push(server, said("a"))).status == 401
        assert (await push(server, said("b"), Authorization=good)).status == 200
    assert post.sinks.lines == {"web": [b"b"]}


async def test_strangers_may_not_push_when_the_lock_is_gone(post: Post) -> None:
    post.safe = False
    async with post.serve() as server:
        assert (await push(server, said("a"))).status == 403
    assert post.sinks.lines == {}


async def test_it_is_off_until_it_is_configured(post: Post) -> None:
    post.off = True
    async with post.serve() as server:
        assert (await push(server, said("a"))).status == 404
        assert (await _get(server)) == 405


async def _get(server: Server) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return int(answer.split()[1])


def test_senders_and_services_have_names() -> None:
    for wrong in ({}, {"shop-api": ""}):
        with pytest.raises(ValueError, match="shop-api: web"):
            Otlp(wrong)
