"""Lines into records: where one begins and ends, that none is left out, and none unredacted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from exporter import __version__
from exporter.engine.joining import LONGEST_LINE
from exporter.forward.lines import MOST_BYTES, MOST_LINES
from exporter.forward.otlp import Requests
from exporter.forward.places import resource
from exporter.forward.records import Body
from parsers.cleaning import clean
from tests.support.forwarding import NOW, PYTHON, Reading, one, read
from tests.support.otlp import ORIGIN, record

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*/*.log"))
FILE = {"log.file.path": "/var/log/shop/web.log", "log.file.name": "web.log"}


@pytest.mark.parametrize("log", GOLDEN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_line_is_left_out(log: Path) -> None:
    lines = log.read_bytes().splitlines()
    sent = "\n".join(got.body for got in read(*lines, body="raw")).split("\n")
    wanted = [clean(line.decode("utf-8", "replace")) for line in lines]
    assert [line for line in sent if line.strip()] == [line for line in wanted if line.strip()]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.sampled_from(PYTHON.encode().split(b"\n"))))
def test_whatever_bytes_come_are_sent(lines: list[bytes]) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    sent = "\n".join(got.body for got in read(*lines, body="raw")).split("\n")
    wanted = [clean(line.decode("utf-8", "replace")) for line in lines]
    assert [line for line in sent if line.strip()] == [line for line in wanted if line.strip()]
    read(*lines)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["msg", "level", "time", "err", "error", "exception", "trace_id", "traceparent", "dd", "reqId"]
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS | st.text(max_size=6), JSON))
def test_whatever_json_comes_can_be_read(document: dict[str, Any]) -> None:
    """Half surrogates, numbers beyond int64, NaN, empty names: none makes a record that fails."""
    for body in ("message", "json", "raw"):
        read(json.dumps(document), body=body)


def test_what_lies_very_deep_is_text() -> None:
    """Readers of protobuf give up below a hundred messages in one another."""
    line = '{"msg":"x","deep":' + "[" * 90 + "]" * 90 + "}"
    found = one(line).attributes["deep"]
    for _ in range(16):
        (found,) = found
    assert found == "[" * 74 + "]" * 74


# -- where a record ends ------------------------------------------------------------------------


def test_a_record_is_made_when_the_next_begins_and_ends_there() -> None:
    reading = Reading()
    assert reading.take("[INFO] one", "  more", "") == []
    (first,) = reading.take("[WARN] two")
    assert (record(first.body).body, first.end, first.level) == ("one\n  more", 19, "info")
    assert reading.assembler.handed(reading.end) == 19, "the second is still open"
    assert reading.flush(NOW + 0.9) == []
    (second,) = reading.flush(NOW + 1.0)
    assert (record(second.body).body, second.end) == ("two", reading.end)
    assert reading.assembler.handed(reading.end) == reading.end


def test_what_comes_after_a_pause_is_a_part_with_the_same_level() -> None:
    head, *rest = "[ERROR] Job failed", *PYTHON.split("\n")
    reading = Reading()
    reading.take(head, *rest[:2])
    reading.flush(NOW + 1)
    reading.take(*rest[2:], "[INFO] next", at=NOW + 5)
    reading.flush()
    first, second, third = (record(made.body) for made in reading.made)
    assert first.body == "Job failed\n" + "\n".join(rest[:2])
    assert second.body == "\n".join(rest[2:])
    assert second.severity == (17, "ERROR")
    assert second.attributes == {
        "exception.type": "app.errors.JobError",
        "exception.message": "upstream said 502",
        "sidewatch.part": 2,
    }
    assert third.body == "next"


def test_a_record_that_grows_too_long_is_sent_in_parts() -> None:
    lines = ["[INFO] dump", *(f"  {n:06}" for n in range(2 * MOST_LINES))]
    found = read(*lines)
    assert [got.attributes.get("sidewatch.part") for got in found] == [None, 2, 3]
    assert "\n".join(got.body for got in found).split("\n")[1:] == lines[1:]
    wide = read("[INFO] dump", *(f"  {n}{'x' * 50_000}" for n in range(12)))
    assert [got.attributes.get("sidewatch.part") for got in wide] == [None, 2, 3]
    assert all(len(got.body) <= MOST_BYTES for got in wide)


def test_a_line_that_is_cut_says_so() -> None:
    found = one(b"x" * LONGEST_LINE)
    assert found.attributes == {"sidewatch.cut": True}


def test_a_restart_at_the_end_of_any_record_reads_the_same_records() -> None:
    """The offset behind an acknowledged record is a place to go on from."""
    data = GOLDEN[0].read_bytes()
    lines = data.splitlines(keepends=True)
    reading = Reading()
    reading.take(*(line.rstrip(b"\n") for line in lines))
    reading.flush()
    whole = [made.body for made in reading.made]
    for number, made in enumerate(reading.made[:-1], 1):
        again = Reading(end=made.end)
        again.take(*data[made.end :].splitlines())
        again.flush()
        assert [one.body for one in again.made] == whole[number:]


# -- envelopes ----------------------------------------------------------------------------------


def docker(text: str, stream: str = "stdout", second: int = 0) -> str:
    """An entry of a json-file."""
    at = f"2026-11-21T00:00:{second:02}.123456789Z"
    return json.dumps({"log": text, "stream": stream, "time": at})


def test_the_two_outputs_of_a_container_do_not_mix() -> None:
    reading = Reading()
    first = docker("[ERROR] Failed\n", "stderr")
    reading.take(first, docker("one\n"), docker("Traceback (most recent call last):\n", "stderr"))
    (one_,) = reading.take(docker("two\n", second=1))
    assert record(one_.body).body == "one"
    assert one_.end == 0, "the older record of the other output is still open"
    reading.take(docker("  File\n", "stderr"), docker("ValueError: bad\n", "stderr"))
    reading.flush()
    assert [record(made.body).body for made in reading.made] == ["one", "Failed", "two"]
    assert [made.end for made in reading.made][-1] == reading.end
    stderr, stdout = (record(made.body) for made in reading.made[1:])
    assert stderr.attributes["log.iostream"] == "stderr"
    assert stderr.attributes["exception.type"] == "ValueError"
    assert stdout.time == 1_795_219_201_123_456_789
    assert {made.origin.stream for made in reading.made} == {"stdout", "stderr"}


def test_the_pieces_of_a_long_line_are_one() -> None:
    pieces = ["2026-11-21T00:00:00Z stdout P [INFO] a", "2026-11-21T00:00:00Z stdout P b"]
    reading = Reading()
    assert reading.take(*pieces) == []
    assert reading.assembler.handed(reading.end) == 0
    reading.take("2026-11-21T00:00:01Z stdout F c n=1")
    (found,) = reading.flush()
    assert record(found.body).body == "abc"
    assert found.end == reading.end
    unfinished = Reading()
    unfinished.take(*pieces)
    assert [record(made.body).body for made in unfinished.flush()] == ["ab"]


def test_the_rest_of_a_line_without_end_is_passed_over() -> None:
    reading = Reading()
    for _ in range(70):
        reading.take(docker("x" * 16384))
    reading.take(docker("x\n"), docker("next\n"))
    reading.flush()
    first, second = (record(made.body) for made in reading.made)
    assert (len(first.body), first.attributes["sidewatch.cut"]) == (LONGEST_LINE, True)
    assert second.body == "next"
    assert reading.made[-1].end == reading.end


# -- secrets ------------------------------------------------------------------------------------


@dataclass
class Blunt:
    """Hides one word, wherever it is shown to it, and counts."""

    seen: int = 0

    def text(self, text: str) -> str:
        self.seen += text.count("hunter2")
        return text.replace("hunter2", "***")

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {self.text(key): self._value(value) for key, value in fields.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.fields(value)
        if isinstance(value, list):
            return [self._value(each) for each in value]
        return self.text(value) if isinstance(value, str) else value


SECRET = [
    ["hunter2 alone"],
    ["[INFO] login hunter2 password=hunter2 n=1"],
    ["[ERROR] failed", "  with hunter2 below", *PYTHON.replace("upstream", "hunter2").split("\n")],
    [PYTHON.replace("upstream", "hunter2")],
    ['{"msg":"is hunter2","a":{"b":["hunter2"]},"reqId":"hunter2","hunter2":1}'],
    ['{"err":{"type":"Error","message":"hunter2","stack":"Error: hunter2\\n at hunter2"}}'],
    ['{"level":50,"exc_info":"ValueError: hunter2"}', "  below hunter2"],
    ['web_1 | {"level":30,"msg":"hunter2","time":1795219172}'],
    ['10.0.0.1 - - [20/Nov/2026:23:58:11 +0000] "GET /?t=hunter2 HTTP/1.1" 200 5 "-" "hunter2"'],
    [docker("hunter2\n"), docker("hunter2", "stderr")],
]


@pytest.mark.parametrize("body", ["message", "json", "raw"])
@pytest.mark.parametrize("lines", SECRET, ids=lambda lines: str(lines[0])[:30])
def test_everything_that_is_sent_was_shown_to_the_redactor(lines: list[str], body: Body) -> None:
    blunt = Blunt()
    reading = Reading(body, blunt)
    reading.take(*(line for text in lines for line in text.split("\n")))
    reading.flush()
    assert reading.made
    for made in reading.made:
        assert b"hunter2" not in made.body
        assert b"***" in made.body
    assert blunt.seen


def test_a_private_key_stays_in_one_piece() -> None:
    """Line by line nobody sees what it is."""
    key = [
        "-----BEGIN RSA PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
        "",
        *["MIIEpAIBAAKCAQ" * 4] * 30,
    ]
    end = "-----END RSA PRIVATE KEY-----"
    assert [got.body for got in read(*key, end, "next")] == ["\n".join([*key, end]), "next"]
    reading = Reading()
    reading.take(*key[:9])
    assert reading.flush(NOW + 5) == [], "it may go on"
    reading.take(*key[9:], end)
    assert [record(made.body).body for made in reading.flush()] == ["\n".join([*key, end])]
    unfinished = read(*key[:9], "[INFO] next", "[INFO] another")
    assert [got.body for got in unfinished] == ["\n".join(key[:9]), "next", "another"]


# -- requests -----------------------------------------------------------------------------------


def test_a_request_is_what_the_library_would_write() -> None:
    """The records' bytes are joined by hand; the library reads and writes the same."""
    other = replace(ORIGIN, service="worker", place=(("container", "w-1"),))
    reading, second = Reading(origin=ORIGIN), Reading(origin=other)
    reading.take("[INFO] one a=1", "[INFO] two " + "x" * 70_000)
    second.take('{"level":30,"msg":"three"}')
    made = [*reading.flush(), *second.flush()]
    data = Requests({"host.name": "box"}).of(made)
    request = ExportLogsServiceRequest.FromString(data)
    scope = InstrumentationScope(name="sidewatch", version=__version__)
    wanted = ExportLogsServiceRequest(
        resource_logs=[
            ResourceLogs(
                resource=request.resource_logs[n].resource,
                scope_logs=[ScopeLogs(scope=scope, log_records=[LogRecord.FromString(one.body)])],
            )
            for n, one in enumerate(made)
        ]
    )
    assert request == wanted
    assert request.ByteSize() == len(data)
    assert record(made[0].body).attributes == FILE


ID = "c0ffee" * 10 + "cafe"
POD = {"k8s.namespace.name": "shop", "k8s.pod.name": "web-5d9-x2", "k8s.container.name": "app"}


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ({"path": "/var/log/shop/web.log"}, {}),
        ({"path": f"/var/lib/docker/containers/{ID}/{ID}-json.log.1"}, {"container.id": ID}),
        (
            {"path": "/var/log/pods/shop_web-5d9-x2_0b1c-77/app/3.log.20261121-000000.gz"},
            {**POD, "k8s.pod.uid": "0b1c-77", "k8s.container.restart_count": "3"},
        ),
        (
            {"path": f"/var/log/containers/web-5d9-x2_shop_app-{ID}.log"},
            {**POD, "container.id": ID},
        ),
        (
            {"id": "c0ffee", "container": "web-1"},
            {"container.id": "c0ffee", "container.name": "web-1"},
        ),
    ],
)
def test_the_resource_is_what_the_runtime_calls_it(
    place: dict[str, str], wanted: dict[str, str]
) -> None:
    found = resource(replace(ORIGIN, place=tuple(place.items())), {"host.name": "box"})
    always = {"service.name", "host.name", "sidewatch.app", "sidewatch.service", "sidewatch.source"}
    assert {name: value for name, value in found.items() if name not in always} == wanted


def test_names_and_paths_that_are_no_text() -> None:
    odd = replace(ORIGIN, service="w\udcff", place=(("path", "/var/log/\udcff.log"),))
    reading = Reading(origin=odd)
    reading.take('{"msg":"x","log.file.path":"theirs"}')
    made = reading.flush()
    ExportLogsServiceRequest.FromString(Requests({}).of(made))
    assert record(made[0].body).attributes["log.file.path"] == "/var/log/\ufffd.log"
