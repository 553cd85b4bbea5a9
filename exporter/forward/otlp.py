"""Serialized records to one OTLP request, and what a receiver answers to it.

https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from exporter import __version__
from exporter.forward.places import resource
from exporter.forward.shapes import Made, Origin, Outcome
from exporter.forward.values import pairs

LONGEST_ANSWER = 1 << 16
LONGEST_TEXT = 300
LONGEST_WAIT = 86400.0  # a receiver whose clock is wrong must not silence us for ever

_LENGTH_DELIMITED = 2
_SCOPE = InstrumentationScope(name="sidewatch", version=__version__).SerializeToString()


class Requests:
    """Makes requests; `constant` are attributes of every resource (`host.name`, labels)."""

    def __init__(self, constant: Mapping[str, str]) -> None:
        self._constant = dict(constant)
        self._resource = lru_cache(maxsize=4096)(self._serialized)

    def of(self, batch: Sequence[Made]) -> bytes:
        """An ExportLogsServiceRequest: the records by their resource, in their order."""
        groups: dict[bytes, list[bytes]] = {}
        for one in batch:
            groups.setdefault(self._resource(one.origin), []).append(one.body)
        return b"".join(
            _field(1, _field(1, resource) + _field(2, _scoped(bodies)))
            for resource, bodies in groups.items()
        )

    def _serialized(self, origin: Origin) -> bytes:
        return Resource(
            attributes=list(pairs(resource(origin, self._constant)))
        ).SerializeToString()


def answered(body: bytes) -> Outcome:
    """What an ExportLogsServiceResponse says."""
    try:
        partial = ExportLogsServiceResponse.FromString(body).partial_success
    except DecodeError:
        text = "the answer is no ExportLogsServiceResponse: is that an OTLP receiver?"
        return Outcome("failed", "answer", text)
    return judged(partial.rejected_log_records, partial.error_message)


def answered_in_json(body: bytes) -> Outcome:
    """The same where it comes in JSON, whatever was sent; JSON that is no answer says nothing."""
    from google.protobuf import json_format  # seldom comes any

    found = ExportLogsServiceResponse()
    try:
        json_format.Parse(body, found, ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError):
        return judged(0, "")
    return judged(found.partial_success.rejected_log_records, found.partial_success.error_message)


def judged(rejected: int, message: str) -> Outcome:
    """Accepted, or partly; a message without a rejection is a warning."""
    if rejected > 0:
        return Outcome("partial", "rejected", said(message), rejected=rejected)
    return Outcome("accepted", "warned" if message else "", said(message))


def status(body: bytes) -> tuple[str, float | None]:
    """The message of a google.rpc.Status, and after how many seconds to come again."""
    try:
        found = Status.FromString(body)
    except DecodeError:
        return "", None
    return said(found.message), retry_info(found)


def retry_info(found: Status) -> float | None:
    """The delay that a RetryInfo among the details asks for, in seconds."""
    for detail in found.details:
        info = RetryInfo()
        try:
            known = detail.Unpack(info)
        except DecodeError:
            continue
        if known:
            delay = info.retry_delay
            return waiting(delay.seconds + delay.nanos / 1e9)
    return None


def waiting(seconds: float) -> float:
    """A delay that is neither negative nor without end."""
    return min(max(0.0, seconds), LONGEST_WAIT)


def said(text: str) -> str:
    """What a receiver says, fit to be shown on one line."""
    return "".join(one if one.isprintable() else " " for one in text[:LONGEST_TEXT]).strip()


def _scoped(bodies: Iterable[bytes]) -> bytes:
    return _field(1, _SCOPE) + b"".join(_field(2, body) for body in bodies)


def _field(number: int, payload: bytes) -> bytes:
    """A protobuf field that holds bytes: its tag, its length, and they.

    https://protobuf.dev/programming-guides/encoding/
    """
    head = bytearray((number << 3 | _LENGTH_DELIMITED,))
    size = len(payload)
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    head.append(size)
    return bytes(head) + payload
