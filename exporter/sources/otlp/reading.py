"""An export request, in protobuf or JSON, packed or not, hostile or not -> lines by sender.

https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from msgspec import Struct, field
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from exporter.sources.otlp.lines import line

PROTOBUF, JSON = "application/x-protobuf", "application/json"
LARGEST = 16 << 20
MOST_RECORDS = 20_000


class Unreadable(Exception):  # noqa: N818 - it is answered, with a status of HTTP
    """The whole request cannot be taken."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Export(Struct):
    """What a request brings: by `service.name` its lines, each with its newline, and how many.

    `empty` records say nothing at all.
    """

    lines: dict[str, bytearray] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    empty: int = 0


def read(content_type: str, encoding: str, body: bytes) -> Export:
    """Takes as long as the body asks for: not for the event loop. Raises Unreadable."""
    plain = _unpacked(encoding, body)
    request = ExportLogsServiceRequest()
    if content_type == PROTOBUF:
        try:
            request.ParseFromString(plain)
        except DecodeError:
            raise Unreadable(400, "This is no ExportLogsServiceRequest in protobuf.") from None
    elif content_type == JSON:
        _parse_json(plain, request)
    else:
        raise Unreadable(415, f"Send {PROTOBUF} or {JSON}.")
    return _export(request)


def response(content_type: str, rejected: int = 0, why: str = "") -> bytes:
    """What answers a request that was taken, or partly."""
    answer = ExportLogsServiceResponse()
    if rejected or why:
        partial = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=why)
        answer.partial_success.CopyFrom(partial)
    return _spelled(answer, content_type)


def status(content_type: str, text: str) -> bytes:
    """What answers a request that was not taken; the code is told by HTTP."""
    return _spelled(Status(message=text), content_type)


def _spelled(message: Message, content_type: str) -> bytes:
    if content_type == JSON:
        from google.protobuf.json_format import MessageToJson

        return MessageToJson(message, indent=None).encode()
    return message.SerializeToString()


def _unpacked(encoding: str, body: bytes) -> bytes:
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Unreadable(415, "Send it packed by gzip, or not packed.")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            plain = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error):
        raise Unreadable(400, "This is not gzip.") from None
    if len(plain) > LARGEST:
        raise Unreadable(413, f"Unpacked this is longer than {LARGEST >> 20} MiB; send less.")
    return plain


def _parse_json(plain: bytes, request: ExportLogsServiceRequest) -> None:
    """OTLP's JSON is protobuf's but for the ids, which are hexadecimal."""
    from google.protobuf.json_format import ParseDict, ParseError

    try:
        found = json.loads(plain)
        if not isinstance(found, dict):
            raise TypeError(found)  # noqa: TRY301 - told like any other mistake
        for record in _records(found):
            for key in ("traceId", "spanId", "trace_id", "span_id"):
                if isinstance(record.get(key), str):
                    record[key] = base64.b64encode(bytes.fromhex(record[key])).decode()
        ParseDict(found, request, ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError):
        raise Unreadable(400, "This is no ExportLogsServiceRequest in JSON.") from None


def _records(found: Any) -> Iterator[dict[str, Any]]:
    for resource in _items(found, "resourceLogs", "resource_logs"):
        for scope in _items(resource, "scopeLogs", "scope_logs"):
            yield from _items(scope, "logRecords", "log_records")


def _items(found: Any, *names: str) -> Iterator[dict[str, Any]]:
    """The objects of a list, whatever there is."""
    if isinstance(found, dict):
        for name in names:
            items = found.get(name)
            yield from (one for one in items if isinstance(one, dict)) if items else ()


def _export(request: ExportLogsServiceRequest) -> Export:
    export, left = Export(), MOST_RECORDS
    for resource in request.resource_logs:
        sender = _service_name(resource.resource)
        lines = export.lines.setdefault(sender, bytearray())
        for scope in resource.scope_logs:
            left -= len(scope.log_records)
            if left < 0:
                raise Unreadable(413, f"These are more than {MOST_RECORDS} records; send less.")
            for record in scope.log_records:
                text = line(record)
                export.empty += not text
                export.counts[sender] = export.counts.get(sender, 0) + bool(text)
                lines += text.encode("utf-8", "replace") + b"\n" if text else b""
    return export


def _service_name(resource: Resource) -> str:
    for attribute in resource.attributes:
        if attribute.key == "service.name":
            return attribute.value.string_value
    return ""
