"""What a line says, as a record of OpenTelemetry's log data model."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from exporter.config import load_profile
from exporter.engine.plan import compile_rules
from tests.support.forwarding import NOW, PYTHON, SPAN, TRACE, Reading, one, read
from tests.support.oracle import Counted
from tests.support.otlp import Got, record

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*/*.log"))


# -- what a line says ---------------------------------------------------------------------------


def test_a_line_of_json() -> None:
    line = (
        '{"level":40,"time":1795219172446,"msg":"Slow","ms":12.5,"n":3,"ok":true,"no":null,'
        '"tags":["a",{"b":1}],"ctx":{"deep":{"er":"x"}}}'
    )
    assert one(line) == Got(
        body="Slow",
        attributes={
            "ms": 12.5,
            "n": 3,
            "ok": True,
            "tags": ["a", {"b": 1}],
            "ctx.deep.er": "x",
        },
        severity=(13, "WARN"),
        time=1_795_219_172_446_000_000,
        observed=1_795_219_200_250_000_000,
        trace="",
        span="",
        flags=0,
    )


def test_a_key_value_line_has_numbers_where_a_name_tells_a_quantity() -> None:
    line = (
        '[INFO] Completed job job_duration="0.0124" wait=3 count=7 rows=007 status=1e3 '
        "version=1.10 commit=1234567 user_id=42 responseTimeMs=18 half=0.5 done"
    )
    found = one(line)
    assert found.body == "Completed job"
    assert found.attributes == {
        "job_duration": 0.0124,
        "wait": 3.0,
        "count": 7,
        "rows": "007",
        "status": "1e3",
        "version": "1.10",
        "commit": "1234567",
        "user_id": "42",
        "responseTimeMs": 18.0,
        "half": "0.5",
        "done": True,
    }
    assert isinstance(found.attributes["wait"], float)


@pytest.mark.parametrize(
    ("line", "body", "severity", "time"),
    [
        ("nothing known", "nothing known", (0, ""), 0),
        ("error: no luck", "no luck", (17, "ERROR"), 0),
        (
            "[2026-11-20 23:59:07,310: WARNING/MainProcess] Soft limit",
            "Soft limit",
            (13, "WARN"),
            1_795_219_147_310_000_000,
        ),
        (
            '{"severity":"NOTICE","ts":"2026-11-20T23:58:29.123456789Z","event":"x"}',
            "x",
            (9, "NOTICE"),
            1_795_219_109_123_456_789,
        ),
        ('{"level":"fatal","msg":"x"}', "x", (21, "fatal"), 0),
        ('{"level":10,"msg":"x"}', "x", (1, "TRACE"), 0),
        ('{"level":"dbug","msg":"x","time":"never"}', "x", (5, "dbug"), 0),
        ('{"msg":"far","time":"9999-12-31T00:00:00Z"}', "far", (0, ""), 0),
    ],
)
def test_level_and_time(line: str, body: str, severity: tuple[int, str], time: int) -> None:
    found = one(line)
    assert (found.body, found.severity, found.time) == (body, severity, time)


def test_a_time_that_is_none_stays_what_it_was() -> None:
    assert one('{"msg":"x","time":"never"}').attributes == {"time": "never"}


def test_fields_without_a_message_keep_their_line() -> None:
    line = 'level=info event="user logged in" port=8080'
    assert one(line).body == line
    assert one(line).attributes == {"event": "user logged in", "port": 8080}


def test_an_access_line_keeps_its_line() -> None:
    line = '10.0.0.1 - - [20/Nov/2026:23:58:11 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "-" "curl"'
    found = one(line)
    assert found.body == line
    assert found.attributes["status"] == 200
    assert found.attributes["path"] == "/a"


@pytest.mark.parametrize(
    ("fields", "trace", "span", "flags", "left"),
    [
        ({"trace_id": TRACE, "span_id": SPAN, "trace_flags": "01"}, TRACE, SPAN, 1, {}),
        ({"traceId": TRACE.upper(), "spanId": SPAN}, TRACE, SPAN, 0, {}),
        ({"otelTraceID": TRACE, "otelSpanID": "0"}, TRACE, "", 0, {"otelSpanID": "0"}),
        ({"trace": {"id": TRACE}, "span": {"id": SPAN}}, TRACE, SPAN, 0, {}),
        ({"traceparent": f"00-{TRACE}-{SPAN}-01"}, TRACE, SPAN, 1, {}),
        (
            {"dd": {"trace_id": "1234567890123456789", "span_id": "987"}},
            "0000000000000000112210f47de98115",
            "00000000000003db",
            0,
            {},
        ),
        ({"dd.trace_id": TRACE, "dd.span_id": 987}, TRACE, "00000000000003db", 0, {}),
        ({"trace_id": "0" * 32}, "", "", 0, {"trace_id": "0" * 32}),
        ({"trace_id": "not hexadecimal, 32 characters.."}, "", "", 0, None),
        ({"trace_id": TRACE[:16]}, "", "", 0, None),
        ({"trace_id": 7, "span_id": SPAN}, "", "", 0, None),
        ({"traceparent": f"ff-{TRACE}-{SPAN}-01"}, "", "", 0, None),
        ({"traceparent": f"00-{'0' * 32}-{SPAN}-01"}, "", "", 0, None),
        ({"dd.trace_id": str(1 << 64)}, "", "", 0, None),
    ],
)
def test_trace_and_span(
    fields: dict[str, Any], trace: str, span: str, flags: int, left: dict[str, Any] | None
) -> None:
    """What is not surely an id stays an attribute."""
    found = one(json.dumps({"msg": "x", **fields}))
    assert (found.trace, found.span, found.flags) == (trace, span, flags)
    assert found.attributes == (fields if left is None else left)


def test_the_request_has_one_name() -> None:
    assert one('{"msg":"x","reqId":"req-7"}').attributes == {"request.id": "req-7"}
    assert one('{"msg":"x","request_id":"-"}').attributes == {"request_id": "-"}


# -- exceptions ---------------------------------------------------------------------------------


def test_a_traceback_below_a_line_is_one_record() -> None:
    found = one("[ERROR] Job failed queue=mail", *PYTHON.split("\n"))
    assert found.body == "Job failed"
    assert found.attributes == {
        "queue": "mail",
        "exception.type": "app.errors.JobError",
        "exception.message": "upstream said 502",
        "exception.stacktrace": PYTHON,
    }


def test_a_traceback_alone_is_summed_up() -> None:
    found = one(*PYTHON.split("\n"))
    assert found.body == "app.errors.JobError: upstream said 502"
    assert found.attributes["exception.stacktrace"] == PYTHON


def test_a_chain_is_one_record_and_its_cause_counts() -> None:
    link = "During handling of the above exception, another exception occurred:"
    chain = [
        "[ERROR] Twice",
        *PYTHON.split("\n"),
        "",
        link,
        "",
        *PYTHON.replace("Job", "X").split("\n"),
    ]
    found = one(*chain)
    assert found.attributes["exception.type"] == "app.errors.JobError"
    assert found.attributes["exception.stacktrace"] == "\n".join(chain[1:])


def test_an_error_of_node_is_summed_up() -> None:
    lines = [
        "TypeError: undefined is no object",
        "    at run (/app/jobs.ts:11:9)",
        "    at x (y:1:1)",
    ]
    found = one(*lines)
    assert found.body == lines[0]
    assert found.attributes == {
        "exception.type": "TypeError",
        "exception.message": "undefined is no object",
        "exception.stacktrace": "\n".join(lines),
    }


def test_dotnet_prints_its_message_on_a_line_of_its_own() -> None:
    lines = [
        "fail: App.Worker[0]",
        "      Build failed",
        "      of two parts",
        "      System.IO.IOException: No space left",
        "         at System.IO.RandomAccess.Write()",
    ]
    found = one(*lines)
    assert found.body == "Build failed\n      of two parts"
    assert found.severity == (17, "ERROR")
    assert found.attributes["exception.type"] == "System.IO.IOException"
    assert found.attributes["exception.message"] == "No space left"
    assert found.attributes["exception.stacktrace"] == "\n".join(lines[3:])


def test_an_error_object_of_pino() -> None:
    error = {
        "type": "Error",
        "message": "timed out",
        "stack": "Error: timed out\n    at x",
        "code": 7,
    }
    found = one(json.dumps({"level": 50, "msg": "Failed", "err": error}))
    assert found.body == "Failed"
    assert found.attributes == {
        "err.code": 7,
        "exception.type": "Error",
        "exception.message": "timed out",
        "exception.stacktrace": "Error: timed out\n    at x",
    }


def test_a_traceback_as_text_in_json_and_printed_once_more() -> None:
    line = json.dumps({"level": "ERROR", "message": "Failed", "exc_info": PYTHON})
    assert one(line).attributes == one(line, *PYTHON.split("\n")).attributes
    assert one(line).attributes == {
        "exception.type": "app.errors.JobError",
        "exception.message": "upstream said 502",
        "exception.stacktrace": PYTHON,
    }


def test_lines_below_that_are_no_exception_belong_to_the_body() -> None:
    lines = ["[INFO] Executed a=1", "  SELECT 1", "", "  FROM x", ""]
    assert [got.body for got in read(*lines, "[INFO] next")] == [
        "Executed\n  SELECT 1\n\n  FROM x",
        "next",
    ]


@pytest.mark.parametrize("log", GOLDEN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_records_levels_and_exceptions_are_those_of_the_metrics(log: Path) -> None:
    plan = load_profile(log.parent.name)
    counted = Counted(compile_rules(plan.rules, plan.families), NOW)
    counted.feed([log.read_bytes()])
    wanted = {
        (name.removeprefix("watched_"), labels[-1]): values[0]
        for (name, labels), values in counted.numbers().items()
        if name in ("watched_log_records_total", "watched_exceptions_total") and values[0]
    }
    reading = Reading()
    reading.take(*log.read_bytes().splitlines())
    reading.flush()
    names = {0: "unknown", 1: "trace", 5: "debug", 9: "info", 13: "warning", 17: "error"}
    found: Counter[tuple[str, str]] = Counter()
    for made in reading.made:
        got = record(made.body)
        assert (made.level or "unknown") == names.get(got.severity[0], "critical")
        found["log_records_total", made.level or "unknown"] += 1
        if kind := got.attributes.get("exception.type"):
            found["exceptions_total", kind] += 1
    assert dict(found) == wanted


# -- bodies -------------------------------------------------------------------------------------


def test_an_object_without_a_message_is_the_body() -> None:
    siem = {"time": 1795219172, "class_uid": 3002, "actor": {"user": "u1"}, "flags": [1]}
    found = one(json.dumps(siem))
    assert found.body == siem
    assert found.attributes == {}
    assert found.time == 1_795_219_172_000_000_000


def test_an_object_as_it_stands() -> None:
    event = {"level": 30, "msg": "hi", "a": {"b": None, "c": []}, "reqId": "r1", "trace_id": TRACE}
    found = one(json.dumps(event), "  and a line below", body="json")
    assert found.body == event
    assert found.attributes == {"request.id": "r1", "sidewatch.below": "  and a line below"}
    assert (found.severity, found.trace) == ((9, "INFO"), TRACE)
    assert one("[WARN] x a=1", body="json").body == "x"


def test_lines_as_they_stand() -> None:
    line = '{"level":30,  "msg":"hi", "n": 1e3}'
    found = one(line, body="raw")
    assert (found.body, found.attributes, found.severity) == (line, {}, (9, "INFO"))
    traceback = one("[ERROR] Job failed queue=mail", *PYTHON.split("\n"), body="raw")
    assert traceback.body == f"[ERROR] Job failed queue=mail\n{PYTHON}"
