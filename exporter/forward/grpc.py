"""Records to a receiver by OTLP over gRPC: one call, and the truth about its answer.

The one place that knows grpc; it is imported when a destination asks for it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import grpc
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from grpc import StatusCode, aio

from exporter import __version__
from exporter.forward.carrying import Carried, Carrier, read, unready
from exporter.forward.otlp import LONGEST_ANSWER, answered, retry_info, said
from exporter.forward.shapes import Made, Outcome
from exporter.forward.target import Target
from exporter.sources.probes.verdict import ProbeError

EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
DETAILS = "grpc-status-details-bin"
LONGEST_PEM = 1 << 20
OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", LONGEST_ANSWER),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 10_000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.primary_user_agent", f"sidewatch/{__version__}"),
    # Each channel its own connections: one that is given up must not live on in another.
    ("grpc.use_local_subchannel_pool", 1),
)
# What OTLP says may be tried again.
AGAIN = frozenset(
    {
        StatusCode.CANCELLED,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.ABORTED,
        StatusCode.OUT_OF_RANGE,
        StatusCode.UNAVAILABLE,
        StatusCode.DATA_LOSS,
    }
)
# Who answers so has not looked at the records: see the same of HTTP.
CLOSED_DOORS = {
    StatusCode.UNAUTHENTICATED: "credentials",
    StatusCode.PERMISSION_DENIED: "forbidden",
    StatusCode.UNIMPLEMENTED: "path",
}
_GRACE_SECONDS = 1.0  # for gRPC to tell itself that the time is over
_TOO_LARGE = re.compile(r"larger than (?:the )?(?:max|limit)|message too large|exceeds .*max")
_REASONS = (
    ("tls", re.compile(r"ssl|tls|handshake|certificate")),
    ("dns", re.compile(r"dns resolution|name resolution|name or service|domain name")),
    ("refused", re.compile(r"connection refused")),
    ("reset", re.compile(r"reset|socket closed|broken pipe|goaway|recvmsg|eof")),
    ("timeout", re.compile(r"timed? ?out|timeout|deadline")),
)


class GrpcSender:
    """One receiver. `constant` describes this machine."""

    def __init__(self, target: Target, constant: Mapping[str, str]) -> None:
        self._target = target
        self._carrier = Carrier(target, constant, _credentials, packs=False)
        self._channel: aio.Channel | None = None
        self._trust: grpc.ChannelCredentials | None = None

    async def send(self, batch: Sequence[Made]) -> Outcome:
        """Send these records as one request. Raises nothing but CancelledError."""
        try:
            async with asyncio.timeout(self._target.timeout + _GRACE_SECONDS):
                return await self._call(await self._carrier.load(batch))
        except aio.AioRpcError as error:
            outcome = judge(error, self._target)
        except TimeoutError:
            outcome = _late(self._target)
        except ProbeError as error:
            return unready(error)
        except Exception as error:  # noqa: BLE001  # whatever it is, the records are still there
            return Outcome("failed", "other", f"sending failed: {type(error).__name__}")
        if outcome.reason == "timeout":
            # The way may be a hole by now that tells nobody: the next request takes a new one.
            self._channel = None
        return outcome

    async def close(self) -> None:
        """Let go of the connection."""
        self._carrier.close()
        if self._channel is not None:
            await self._channel.close()

    async def _call(self, carried: Carried[grpc.ChannelCredentials]) -> Outcome:
        call: aio.UnaryUnaryMultiCallable[bytes, bytes]
        call = self._open(carried).unary_unary(EXPORT)
        answer = await call(
            carried.data,
            timeout=self._target.timeout,
            metadata=[(name.lower(), value) for name, value in carried.headers.items()],
            compression=grpc.Compression.Gzip if self._target.gzip else None,
        )
        return answered(answer)

    def _open(self, carried: Carried[grpc.ChannelCredentials]) -> aio.Channel:
        """The channel; another one where the certificates are others now."""
        if self._channel is not None and carried.trust is self._trust:
            return self._channel
        place, trust = self._target.place, carried.trust
        if trust is None:
            channel = aio.insecure_channel(place, options=OPTIONS)
        else:
            channel = aio.secure_channel(place, trust, options=OPTIONS)
        # The calls under way on an older one end with it: they hold it, nobody else does.
        self._channel, self._trust = channel, trust
        return channel


def judge(error: aio.AioRpcError, target: Target) -> Outcome:
    """What a status means for the records that it answers, by the table of OTLP."""
    code, details = error.code(), error.details() or ""
    text = said(f"{code.name}: {details}")
    after = _retry_after(error)
    if code in AGAIN:
        if after is not None:
            return Outcome("throttled", code.name.lower(), text, retry_after=after)
        if code is StatusCode.DEADLINE_EXCEEDED:
            return _late(target)
        reasons = (word for word, shape in _REASONS if shape.search(details.lower()))
        return Outcome("failed", next(reasons, code.name.lower()), text)
    if code in CLOSED_DOORS:
        return Outcome("failed", CLOSED_DOORS[code], text)
    if code is StatusCode.RESOURCE_EXHAUSTED:
        if _TOO_LARGE.search(details.lower()):
            return Outcome("refused", "too_large", text)
        # By OTLP's own rule it is dropped unless it says when to come again; the file can wait.
        return Outcome("throttled", code.name.lower(), text, retry_after=after)
    return Outcome("refused", code.name.lower(), text)


def _late(target: Target) -> Outcome:
    text = f"{target.place} did not answer within {target.timeout:g} s"
    return Outcome("failed", "timeout", text)


def _retry_after(error: aio.AioRpcError) -> float | None:
    """The delay of a RetryInfo, where the status has one."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS and isinstance(value, bytes):
            try:
                return retry_info(Status.FromString(value))
            except DecodeError:
                return None
    return None


def _credentials(target: Target) -> grpc.ChannelCredentials:
    """What TLS rests on. Reads files. Raises ProbeError."""
    return grpc.ssl_channel_credentials(_pem(target.ca), _pem(target.key), _pem(target.certificate))


def _pem(path: Path | None) -> bytes | None:
    return None if path is None else read(path, LONGEST_PEM)
