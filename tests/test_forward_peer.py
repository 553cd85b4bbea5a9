"""Records as a receiver of another make reads them: Elastic's, with grpc-js and protobufjs."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from exporter.clock import WallClock
from exporter.forward.lines import Assembler
from exporter.forward.records import Body, Recorder
from exporter.forward.senders import sender
from exporter.forward.shapes import Made, Outcome
from exporter.forward.target import Speaks, Wish, target
from tests.support.node import Node
from tests.support.otlp import ORIGIN, Got, Unhidden, record

GOLDEN = Path(__file__).parent / "golden"
START_SECONDS = 20.0
# What a reader may trip over: types, nesting, other scripts, bytes that are no text, ids.
ODD = [
    b'{"level":30,"msg":"numbers","n":-9223372036854775808,"big":18446744073709551616,"x":1e-7}',
    b'{"level":30,"msg":"others","yes":true,"no":false,"list":[1,"two",[3.5,{"a":{}}],null]}',
    '{"level":"warn","msg":"Grüße 🚀 \\u0000 \\ud800","ключ":"значение"}'.encode(),
    b'{"msg":"","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}',
    b'{"msg":"late","time":253402300799,"traceId":"4BF92F3577B34DA6A3CE929D0E0E4736"}',
    b"\xff\xfe\x00 no text at all \xed\xa0\x80",
    b'[INFO] Completed job job_duration="0.0124" count=7 version=1.10',
]


@dataclass
class Peer:
    """The receiver: where it listens, and what it prints."""

    urls: dict[str, str]
    printed: asyncio.StreamReader

    async def request(self) -> dict[str, Any]:
        """The next request that it got."""
        line = await asyncio.wait_for(self.printed.readline(), START_SECONDS)
        found: dict[str, Any] = json.loads(line)
        return found


@pytest.fixture
async def peer(node: Node) -> AsyncIterator[Peer]:
    node.note("@elastic/mockotlpserver")
    child = await asyncio.create_subprocess_exec(
        *node.command("otlp.js"),
        env=node.environment,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )
    assert child.stdout is not None
    try:
        first = await asyncio.wait_for(child.stdout.readline(), START_SECONDS)
        yield Peer(json.loads(first), child.stdout)
    finally:
        child.kill()
        await child.wait()


def _made(lines: Iterable[bytes], body: Body) -> list[Made]:
    assembler, made, end = Assembler(ORIGIN, Recorder(Unhidden(), UTC, body)), [], 0
    for line in lines:
        end += len(line) + 1
        made += assembler.take(line, end, 1_795_219_200.25)
    return [*made, *assembler.flush(None)]


@pytest.mark.parametrize(("protocol", "compression"), [("http/protobuf", "none"), ("grpc", "gzip")])
@pytest.mark.parametrize("body", ["message", "json"])
async def test_it_reads_what_was_sent(
    peer: Peer, protocol: Speaks, compression: Any, body: Body
) -> None:
    """Its HTTP does not unpack, so that one is sent plain."""
    logs = sorted(GOLDEN.glob("*/*.log"))
    lines = [line for log in logs for line in log.read_bytes().splitlines()]
    made = _made([*lines, *ODD], body)
    url = peer.urls[protocol]
    to = target(Wish(endpoint=url, protocol=protocol, compression=compression), {})
    connection = sender(to, {"host.name": "box"}, WallClock(), 1)
    assert await connection.send(made) == Outcome("accepted")
    await connection.close()
    (resource,) = (await peer.request())["resourceLogs"]
    assert _attributes(resource["resource"]["attributes"]) == {
        "service.name": "shop/web",
        "host.name": "box",
        "sidewatch.app": "shop",
        "sidewatch.service": "web",
        "sidewatch.source": "logs",
    }
    (scope,) = resource["scopeLogs"]
    found = [_got(one) for one in scope["logRecords"]]
    assert len(found) == len(made) > 100
    for theirs, ours in zip(found, made, strict=True):
        assert theirs == record(ours.body)


def _got(one: dict[str, Any]) -> Got:
    """A record in the JSON of either of its readers."""
    return Got(
        _value(one["body"]),
        _attributes(one.get("attributes", ())),
        (_severity(one.get("severityNumber", 0)), one.get("severityText", "")),
        _int(one.get("timeUnixNano", 0)),
        _int(one["observedTimeUnixNano"]),
        _hex(one.get("traceId", "")),
        _hex(one.get("spanId", "")),
        _int(one.get("flags", 0)),
    )


def _attributes(pairs: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {one["key"]: _value(one["value"]) for one in pairs}


def _value(value: dict[str, Any] | None) -> Any:
    kind: str
    found: Any
    kind, found = next(iter((value or {}).items()), ("", None))
    if kind == "intValue":
        return _int(found)
    if kind == "arrayValue":
        return [_value(one) for one in found.get("values", ())]
    if kind == "kvlistValue":
        return _attributes(found.get("values", ()))
    return found


def _int(value: int | str | dict[str, int]) -> int:
    if not isinstance(value, dict):
        return int(value)
    found = (value["high"] << 32) + (value["low"] & 0xFFFFFFFF)
    return found & 0xFFFFFFFFFFFFFFFF if value["unsigned"] else found


def _severity(value: int | str) -> int:
    names = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17, "FATAL": 21}
    return value if isinstance(value, int) else names.get(value.removeprefix("SEVERITY_NUMBER_"), 0)


def _hex(value: str | dict[str, Any]) -> str:
    found = base64.b64decode(value) if isinstance(value, str) else bytes(value["data"])
    return found.hex()
