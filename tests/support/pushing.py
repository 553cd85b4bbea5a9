"""A server that receives logs and counts them into a sink; and the records that it is sent."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from msgspec.structs import replace
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from exporter.access import OPEN, Access
from exporter.app.house import House
from exporter.app.receiving import Receiver
from exporter.clock import WallClock
from exporter.config import AppPlan, load_profile
from exporter.config.settings import PlacedSource
from exporter.exposition import render
from exporter.saving import Saver
from exporter.server import Limits, Server, serve
from exporter.sources.otlp import Otlp
from tests.support.doors import nothing
from tests.support.sinks import KeepingSink

PATH, PROTOBUF, JSON = "/v1/logs", "application/x-protobuf", "application/json"
SENDERS = {"shop-api": "web", "shop-worker": "worker"}
USUAL = Limits()


def text(value: str) -> AnyValue:
    return AnyValue(string_value=value)


def attributes(**given: str) -> list[KeyValue]:
    return [KeyValue(key=key, value=text(value)) for key, value in given.items()]


def export(*records: LogRecord, sender: str = "shop-api") -> ExportLogsServiceRequest:
    """A request of one sender."""
    resource = Resource(attributes=[KeyValue(key="service.name", value=text(sender))])
    scopes = [ScopeLogs(log_records=records)]
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=resource, scope_logs=scopes)]
    )


def said(*lines: str, sender: str = "shop-api") -> bytes:
    """A request of plain lines, in protobuf."""
    return export(*(LogRecord(body=text(one)) for one in lines), sender=sender).SerializeToString()


@dataclass(slots=True)
class Post:
    """An application whose logs are pushed; `sinks` has its lines. `running`: it counts them."""

    sinks: KeepingSink = field(default_factory=KeepingSink)
    otlp: Mapping[str, str] = field(default_factory=lambda: dict(SENDERS))
    access: Access = OPEN
    safe: bool = True
    running: bool = True
    off: bool = False
    house: House = field(default_factory=lambda: House(WallClock()))
    errors: list[Exception] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @asynccontextmanager
    async def serve(self, limits: Limits = USUAL) -> AsyncIterator[Server]:
        source = Otlp(self.otlp)
        plan = replace(load_profile("pullapprove", "shop"), logs=(PlacedSource(source, "x", 1),))
        plans: Sequence[AppPlan] = () if self.off else (plan,)
        receiver = Receiver(lambda: plans, lambda: self.safe, self.house)
        if self.running:
            self.tasks = [asyncio.create_task(source.run(self.sinks, WallClock()))]
        try:
            async with serve(
                "127.0.0.1:0",
                expose=_nothing,
                ready=tuple,
                page=nothing,
                on_error=self.errors.append,
                limits=limits,
                access=lambda: self.access,
                posts={PATH: receiver.receive},
            ) as server:
                yield server
        finally:
            receiver.close()
            for task in self.tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def told(self) -> str:
        """What /metrics says of sidewatch itself."""

        async def nothing(_: Any) -> None:
            return None

        return render(self.house.snapshots(Saver(WallClock(), nothing))).decode()


async def _nothing() -> list[Any]:
    return []


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    kind: str
    headers: Mapping[str, str]

    @property
    def partial(self) -> tuple[int, str]:
        """How many were rejected, and why."""
        found = ExportLogsServiceResponse.FromString(self.body).partial_success
        return found.rejected_log_records, found.error_message


async def push(server: Server, body: bytes, kind: str = PROTOBUF, **headers: str) -> Answer:
    """Send it; underscores of headers are dashes."""
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            server.url + PATH, data=io.BytesIO(body), headers={"Content-Type": kind, **given}
        ) as answer,
    ):
        return Answer(answer.status, await answer.read(), answer.content_type, dict(answer.headers))


def as_one(record: Any) -> bytes:
    """A request of one record in JSON, whatever the record is."""
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
