"""One record as a person can read it: for our own log, when a receiver refuses it."""

from __future__ import annotations

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from exporter.forward.shapes import Made


def shown(made: Made) -> str:
    """What it says, as it was redacted."""
    body = LogRecord.FromString(made.body).body
    return body.string_value or str(body)
