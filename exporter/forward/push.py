"""Snapshots in, acknowledged pushes over OTLP out: for those who scrape nothing.

The library's metric exporter does the sending, in a thread of its own: nothing that a receiver
does is felt elsewhere. What it takes for success although it is none (a redirect, a rejection in
part) is looked at here.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
from msgspec import Struct

from exporter import __version__
from exporter.forward.deadline import Deadline
from exporter.forward.senders import fault
from exporter.forward.target import LONGEST_TIMEOUT, Target, Wish, target
from exporter.model import Duration, Snapshot
from exporter.sources.docker.settings import Tls
from exporter.sources.probes.verdict import ProbeError

if TYPE_CHECKING:
    import requests
    from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

POINTS = 2000  # of one request: some 300 kB before it is packed
LOGGERS = (
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
)
INTERVAL_VARIABLE = "OTEL_METRIC_EXPORT_INTERVAL"  # milliseconds
USUAL_INTERVAL = 60.0
LONGEST_ANSWER = 1 << 16
GRACE_SECONDS = 0.5  # for the library to say itself that nobody answers

# The library's annotation has one pair of texts; gRPC takes any number, and whole numbers too.
CHANNEL_OPTIONS: Any = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", LONGEST_ANSWER),
)

Do = Callable[[Callable[[], None]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Push:
    """Metrics by push. What is not given here is taken from `OTEL_EXPORTER_OTLP_*`."""

    endpoint: str | None = None
    protocol: Literal["http/protobuf", "grpc"] | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    headers_file: Path | None = None
    compression: Literal["gzip", "none"] | None = None
    timeout: Duration | None = None
    tls: Tls | None = None
    interval: Duration | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None and not 0.1 <= self.timeout <= LONGEST_TIMEOUT:
            raise ValueError("timeout: from 100ms to 5m")
        if self.interval is not None and not 1 <= self.interval <= 3600:
            raise ValueError("interval: from 1s to 1h")

    def target(self, environ: Mapping[str, str]) -> Target:
        """Where to and how, all decided. Raises ValueError."""
        tls = self.tls or Tls()
        wish = Wish(
            self.endpoint,
            self.protocol,
            self.headers,
            self.headers_file,
            self.compression,
            self.timeout,
            tls.ca,
            tls.cert,
            tls.key,
        )
        return target(wish, environ, "metrics")

    def fault(self, environ: Mapping[str, str]) -> str | None:
        """Why this cannot be spoken here, if it cannot. Raises ValueError as `target` does."""
        return fault(self.target(environ))

    def inside(self, folder: Path) -> Push:
        """The same with relative paths taken from the folder."""
        return replace(
            self,
            tls=self.tls and self.tls.inside(folder),
            headers_file=self.headers_file and folder / self.headers_file,
        )

    def pause(self, environ: Mapping[str, str] = os.environ) -> float:
        """How long it is from one push to the next, in seconds."""
        if self.interval is not None:
            return self.interval
        try:
            return min(max(float(environ[INTERVAL_VARIABLE]) / 1000, 1.0), 3600.0)
        except (KeyError, ValueError):
            return USUAL_INTERVAL


class Exporter(Protocol):
    """What is used of the library's exporters."""

    def export(self, metrics_data: MetricsData, /) -> MetricExportResult:
        """Send one piece, trying again within the time-out."""

    def shutdown(self) -> None:
        """Let go of the connection, and end a wait between two tries."""


class PushError(Exception):
    """Not everything was taken. `reason` is a short word for a label."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Answers(Struct):
    """What the receiver said last, and what the library said of it; until when it may say more."""

    wrong: PushError | None = None
    said: str = ""
    deadline: Deadline = msgspec.field(default_factory=Deadline)

    def look(self, response: requests.Response, *_: Any, **__: Any) -> None:
        """Take note of an HTTP answer; a hook of the session."""
        status = response.status_code
        if status >= 300:
            reason = "redirect" if status < 400 else "status"
            self.wrong = PushError(reason, f"it answers {status} {response.reason}")
            response.close()
            return
        self.wrong = _judged(response)
        if self.deadline.cut and response.raw.length_remaining != 0:
            # Where an answer has no other end, the cut looks like one. The library notes it.
            response.close()
            raise TimeoutError("the answer was cut")

    def hear(self, record: logging.LogRecord) -> bool:
        """Take note of what the library logs, and keep it from the log; a filter."""
        self.said = record.getMessage()
        return False


def _judged(response: requests.Response) -> PushError | None:
    """What is wrong with a success; no more of it is read than an answer has."""
    body = response.raw.read(LONGEST_ANSWER + 1)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if len(body) > LONGEST_ANSWER or kind in ("text/html", "application/xhtml+xml"):
        response.close()
        text = f"a success with {kind or 'a long body'}: is that an OTLP receiver?"
        return PushError("answer", text)
    rejected = _rejected(body)
    return None if rejected is None else PushError("rejected", rejected)


def _rejected(body: bytes) -> str | None:
    """What a receiver says that it did not take, if anything."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceResponse,
    )

    try:
        partly = ExportMetricsServiceResponse.FromString(body).partial_success
    except DecodeError:
        return None
    if not partly.rejected_data_points:
        return None
    return f"it rejects {partly.rejected_data_points} points: {partly.error_message[:500]}"


class Pusher(Struct):
    """Pushes to one receiver; `do` does a job at a time, in a thread that waits for nobody else.

    Its exporter is opened by the first push, and used from then on.
    """

    settings: Push
    do: Do
    _answers: Answers = msgspec.field(default_factory=Answers)
    _exporter: Exporter | None = None
    _timeout: float = 0.0

    async def push(self, snapshots: Sequence[Snapshot], at: float) -> None:
        """Send all that they show, as of the time `at`. Raises PushError."""
        await self.do(partial(self._push, snapshots, at))

    def close(self) -> None:
        """End; what is on its way is given up."""
        if self._exporter is not None:
            self._exporter.shutdown()
            self._exporter = None
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(self._answers.hear)

    def _push(self, snapshots: Sequence[Snapshot], at: float) -> None:
        from opentelemetry.sdk.metrics.export import MetricExportResult

        from exporter.forward.points import pieces

        exporter = self._exporter = self._exporter or self._open()
        rejected: PushError | None = None
        for piece in pieces(snapshots, at, _resource(), POINTS):
            self._answers.wrong, self._answers.said = None, ""
            with self._answers.deadline.within(self._timeout + GRACE_SECONDS):
                result = exporter.export(piece)
            wrong = self._answers.wrong
            if result is not MetricExportResult.SUCCESS:
                if self._answers.deadline.cut:
                    text = f"its answer had not ended after {self._timeout:g} s"
                    wrong = PushError("answer", text)
                elif wrong is None:
                    wrong = PushError("unreachable", self._answers.said or "it does not answer")
            if wrong is not None and wrong.reason != "rejected":
                self.close()  # the next is opened anew, with the files of then
                raise wrong
            rejected = rejected or wrong
        if rejected is not None:
            raise rejected

    def _open(self) -> Exporter:
        """The library's exporter. A file that cannot be read is told like an answer."""
        target = self.settings.target(os.environ)
        self._timeout = target.timeout
        for name in LOGGERS:
            logging.getLogger(name).addFilter(self._answers.hear)
        try:
            return (_open_grpc if target.protocol == "grpc" else _open_http)(target, self._answers)
        except ProbeError as error:
            raise PushError("files", str(error)) from None


def _resource() -> Mapping[str, str]:
    return {
        "service.name": "sidewatch",
        "service.version": __version__,
        "service.instance.id": socket.gethostname(),
    }


def _open_http(target: Target, answers: Answers) -> Exporter:
    import requests
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    from exporter.forward.carrying import headers

    session = requests.Session()
    session.trust_env = False  # neither proxies nor a .netrc, whose password goes before a header
    session.stream = True  # it is read in `look`, up to a bound
    session.headers["Accept-Encoding"] = "identity"
    session.hooks["response"].append(answers.look)
    answers.deadline.watch(session)
    return OTLPMetricExporter(
        target.url,
        certificate_file=_text(target.ca),
        client_key_file=_text(target.key),
        client_certificate_file=_text(target.certificate),
        headers=headers(target),
        timeout=target.timeout,
        compression=Compression.Gzip if target.gzip else Compression.NoCompression,
        session=session,
    )


def _open_grpc(target: Target, _: Answers) -> Exporter:
    import grpc
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

    from exporter.forward.carrying import headers

    credentials = None
    if target.secure:
        files = (target.ca, target.key, target.certificate)
        credentials = grpc.ssl_channel_credentials(*map(_content, files))
    return OTLPMetricExporter(
        target.url,
        insecure=not target.secure,
        credentials=credentials,
        headers={name.lower(): value for name, value in headers(target).items()},
        timeout=target.timeout,
        compression=grpc.Compression.Gzip if target.gzip else grpc.Compression.NoCompression,
        channel_options=CHANNEL_OPTIONS,
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _content(path: Path | None) -> bytes | None:
    from exporter.forward.carrying import LONGEST_SECRETS, read

    return None if path is None else read(path, LONGEST_SECRETS)
