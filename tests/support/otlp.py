"""Receivers of OTLP that do as they are told, and what they got, as plain values."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from aiohttp import web
from google.rpc.status_pb2 import Status
from grpc import aio
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from exporter.forward.shapes import Made, Origin

PROTOBUF = "application/x-protobuf"
ORIGIN = Origin("shop", "web", "file", "logs", (("path", "/var/log/shop/web.log"),))


def plain(value: AnyValue) -> Any:
    """A value as Python has it."""
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    if kind == "array_value":
        return [plain(one) for one in value.array_value.values]
    return None if kind is None else getattr(value, kind)


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes by name; a name that stands twice is a mistake."""
    found = [(pair.key, plain(pair.value)) for pair in pairs]
    assert len({name for name, _ in found}) == len(found), found
    return dict(found)


class Unhidden:
    """A redactor that hides nothing."""

    def text(self, text: str) -> str:
        """The text as it is."""
        return text

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields as they are."""
        return dict(fields)


@dataclass(frozen=True)
class Got:
    """A record as a receiver reads it."""

    body: Any
    attributes: dict[str, Any]
    severity: tuple[int, str]
    time: int
    observed: int
    trace: str
    span: str
    flags: int


def record(body: bytes) -> Got:
    """A serialized record."""
    return _got(LogRecord.FromString(body))


def _got(one: LogRecord) -> Got:
    return Got(
        plain(one.body),
        attributes(one.attributes),
        (one.severity_number, one.severity_text),
        one.time_unix_nano,
        one.observed_time_unix_nano,
        one.trace_id.hex(),
        one.span_id.hex(),
        one.flags,
    )


def batch(*bodies: str, origin: Origin = ORIGIN) -> list[Made]:
    """Records that say this."""
    return [
        Made(origin, LogRecord(body=AnyValue(string_value=body)).SerializeToString(), at, "info")
        for at, body in enumerate(bodies, 1)
    ]


@dataclass
class Receiver:
    """What came: requests, and the headers or metadata of each. `script` answers the next ones."""

    url: str = ""
    requests: list[ExportLogsServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    script: deque[Any] = field(default_factory=deque)

    @property
    def records(self) -> list[Got]:
        """All records, in their order."""
        return [
            _got(one)
            for request in self.requests
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for one in scope.log_records
        ]

    @property
    def bodies(self) -> list[Any]:
        """What they say."""
        return [one.body for one in self.records]


# -- HTTP ---------------------------------------------------------------------------------------

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def partial(rejected: int, message: str = "") -> bytes:
    """The answer to a batch of which some records are rejected."""
    found = ExportLogsServiceResponse()
    found.partial_success.rejected_log_records = rejected
    found.partial_success.error_message = message
    return found.SerializeToString()


def says(status: int = 200, body: bytes = b"", kind: str = PROTOBUF, **headers: str) -> Answer:
    """An answer; of a header's name, `_` is a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, content_type=kind, headers=named)

    return answer


def complains(status: int, message: str, **headers: str) -> Answer:
    """An error with a google.rpc.Status."""
    return says(status, Status(message=message).SerializeToString(), **headers)


async def resets(request: web.Request) -> web.StreamResponse:
    """Tears the connection."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def hangs(_: web.Request) -> web.StreamResponse:
    """Never answers."""
    await asyncio.Event().wait()
    return web.Response()


async def dribbles(request: web.Request) -> web.StreamResponse:
    """Begins an answer that goes on for ever."""
    response = web.StreamResponse(headers={"Content-Type": PROTOBUF})
    await response.prepare(request)
    while True:
        await response.write(b"\0" * 1024)
        await asyncio.sleep(0)


@asynccontextmanager
async def http_receiver(
    *script: Answer, context: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """A receiver by HTTP, on a port of its own."""
    receiver = Receiver(script=deque(script))

    async def take(request: web.Request) -> web.StreamResponse:
        receiver.headers.append(dict(request.headers))
        receiver.paths.append(request.path)
        data = await request.read()  # unpacked by aiohttp
        receiver.requests.append(ExportLogsServiceRequest.FromString(data))
        answer = receiver.script.popleft() if receiver.script else says()
        return await answer(request)

    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    receiver.url = f"http{'s' if context else ''}://localhost:{port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


# -- gRPC ---------------------------------------------------------------------------------------

Deed = Callable[[aio.ServicerContext[Any, Any]], Awaitable[ExportLogsServiceResponse]]


def aborts(code: grpc.StatusCode, text: str, details: Status | None = None) -> Deed:
    """Ends a call with a status, and with details behind it."""

    async def deed(context: aio.ServicerContext[Any, Any]) -> ExportLogsServiceResponse:
        trailing = [("grpc-status-details-bin", details.SerializeToString())] if details else []
        await context.abort(code, text, trailing_metadata=tuple(trailing))
        raise AssertionError("it has aborted")

    return deed


def rejects(rejected: int, message: str) -> Deed:
    """Takes a part."""

    async def deed(_: aio.ServicerContext[Any, Any]) -> ExportLogsServiceResponse:
        return ExportLogsServiceResponse.FromString(partial(rejected, message))

    return deed


async def stalls(_: aio.ServicerContext[Any, Any]) -> ExportLogsServiceResponse:
    """Never answers."""
    await asyncio.Event().wait()
    return ExportLogsServiceResponse()


@dataclass
class _Servicer:
    receiver: Receiver

    async def Export(  # noqa: N802  # the service's name for it
        self, request: ExportLogsServiceRequest, context: aio.ServicerContext[Any, Any]
    ) -> ExportLogsServiceResponse:
        self.receiver.requests.append(request)
        sent = context.invocation_metadata() or ()
        self.receiver.headers.append({key: str(value) for key, value in sent})
        if self.receiver.script:
            deed: Deed = self.receiver.script.popleft()
            return await deed(context)
        return ExportLogsServiceResponse()


@asynccontextmanager
async def grpc_receiver(
    *script: Deed,
    credentials: grpc.ServerCredentials | None = None,
    options: Sequence[tuple[str, Any]] = (),
    port: int = 0,
) -> AsyncIterator[Receiver]:
    """A receiver by gRPC, on a port of its own."""
    receiver = Receiver(script=deque(script))
    server = aio.server(options=list(options))
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(  # type: ignore[no-untyped-call]
        _Servicer(receiver), server
    )
    if credentials is None:
        port = server.add_insecure_port(f"localhost:{port}")
        receiver.url = f"http://localhost:{port}"
    else:
        port = server.add_secure_port(f"localhost:{port}", credentials)
        receiver.url = f"https://localhost:{port}"
    await server.start()
    try:
        yield receiver
    finally:
        await server.stop(grace=0)
