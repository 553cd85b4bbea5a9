"""Log lines with their truth: what is written is counted here, by the writer, line by line.

Lines are numbered, and have the forms of the project's seed samples: key-value and JSON, bare or
in the envelopes of Docker and of the container runtimes. They are written in pieces that end
anywhere, so that a kill finds half lines, half letters, and tracebacks whose last line is not
there yet. All durations are sums of powers of two, so that a sum is exact in whatever order.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import BinaryIO, Literal

from tests.support.scrape import one

# The bounds of watched_job_duration_seconds and watched_job_wait_seconds, as docs name them.
BOUNDS = (
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0,
)  # fmt: skip
CLASSES = ("app.jobs.Mail", "app.jobs.Sync", "app.jobs.Zażółć")
QUEUES = ("default", "mail")
ERRORS = ("RuntimeError", "django.db.utils.OperationalError", "ValueError")
SECONDS = (0.03125, 0.25, 0.5, 2.75, 10.0, 59.5, 7201.0)
PIECE = 16 * 1024  # where Docker and containerd cut a line
LONG = 40_000

Form = Literal["keyvalue", "json"]
Envelope = Literal["file", "docker", "cri"]
Key = tuple[str, frozenset[tuple[str, str]]]
Physical = tuple[str, str]  # stream, text of one line


@dataclass
class Truth:
    """What the counters of one application must show in the end, by series."""

    app: str
    samples: dict[Key, float] = field(default_factory=dict)

    def count(self, name: str, by: float = 1, /, **labels: str) -> None:
        key = one(name, app=self.app, **labels)
        self.samples[key] = self.samples.get(key, 0.0) + by

    def observe(self, name: str, value: float, **labels: str) -> None:
        self.count(f"{name}_count", **labels)
        self.count(f"{name}_sum", value, **labels)
        for bound in BOUNDS:
            if value <= bound:
                self.count(f"{name}_bucket", **labels, le=str(bound))
        self.count(f"{name}_bucket", **labels, le="+Inf")

    def lines(self, service: str) -> float:
        """The lines of a service."""
        of_service = ("service", service)
        return sum(
            value
            for (name, labels), value in self.samples.items()
            if name == "watched_log_lines_total" and of_service in labels
        )


@dataclass
class Log:
    """One log of one service: `form` says how records look, `envelope` how lines are wrapped."""

    service: str
    path: Path
    form: Form
    envelope: Envelope
    truth: Truth
    dice: Random
    pending: deque[bytes] = field(default_factory=deque)
    generation: int = 0
    _number: int = 0
    _file: BinaryIO | None = None

    def write(self, records: int = 1) -> None:
        """Write the next piece; new records where nothing is pending."""
        if not self.pending:
            self.pending.extend(self._pieces(b"".join(self._more() for _ in range(records))))
        self.file.write(self.pending.popleft())

    def complete(self) -> None:
        """Write all that is pending, so that every line and traceback is whole."""
        while self.pending:
            self.write()

    @property
    def file(self) -> BinaryIO:
        """What is appended to, whatever its name is by now."""
        if self._file is None:
            self._file = self.path.open("ab", buffering=0)
        return self._file

    def reopen(self) -> None:
        """Let go of the file; the next line goes to the one that has the name then."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _pieces(self, whole: bytes) -> Iterator[bytes]:
        """Cut anywhere, and often right behind the end of a line."""
        cuts = {self.dice.randrange(len(whole)) for _ in range(self.dice.choice([0, 0, 1, 2]))}
        if self.dice.random() < 0.3:
            cuts.add(whole.find(b"\n") + 1)
        places = sorted(cuts | {0, len(whole)})
        yield from (whole[a:b] for a, b in pairwise(places) if a < b)

    # -- records ----------------------------------------------------------------------------

    def _more(self) -> bytes:
        """One record, with its lines wrapped; in Docker's envelope it may come amid another."""
        lines = self._wrapped(self._record())
        if self.envelope == "docker" and self.dice.random() < 0.3:
            lines = self._mixed(lines, self._wrapped(self._failure()))
        return b"".join(lines)

    def _mixed(self, one: list[bytes], other: list[bytes]) -> list[bytes]:
        """Two streams in one file, each in its own order."""
        mixed = []
        while one and other:
            mixed.append((one if self.dice.random() < 0.5 else other).pop(0))
        return [*mixed, *one, *other]

    def _record(self) -> list[Physical]:
        if self.envelope == "file" and self.dice.random() < 0.2:
            return self._failure()
        kind = self.dice.choice([self._started, self._completed])
        return kind()

    def _started(self) -> list[Physical]:
        job, queue = self.dice.choice(CLASSES), self.dice.choice(QUEUES)
        self.truth.count("watched_jobs_started_total", queue=queue, job_class=job)
        pad = {"pad": "x" * LONG} if self.envelope != "file" and self.dice.random() < 0.2 else {}
        return self._head("INFO", "Executing job", {"job_class": job, "job_queue": queue, **pad})

    def _completed(self) -> list[Physical]:
        job, queue = self.dice.choice(CLASSES), self.dice.choice(QUEUES)
        ran, waited = self.dice.choice(SECONDS), self.dice.choice(SECONDS)
        self.truth.observe("watched_job_duration_seconds", ran, job_class=job)
        self.truth.observe("watched_job_wait_seconds", waited, queue=queue)
        told = {"job_class": job, "job_queue": queue, "job_duration": ran, "job_queue_time": waited}
        return self._head("INFO", "Completed job", told)

    def _failure(self) -> list[Physical]:
        """A failure: its head, then its traceback line by line; the exception comes last."""
        kind = self.dice.choice(ERRORS)
        self.truth.count("watched_exceptions_total", service=self.service, type=kind)
        self.truth.count(
            "watched_events_total", service=self.service, event="job_failed", impact="info"
        )
        trace = [
            "Traceback (most recent call last):",
            '  File "/app/app/jobs.py", line 18, in run',
            f"    raise {kind}('no. {self._number}')",
            f"{kind}: no. {self._number}",
        ]
        # In JSON the formatter prints the traceback in the record, and once more behind it.
        inside = {"exception": "\n".join(trace)} if self.form == "json" else {}
        return [*self._head("ERROR", "Job failed", inside), *(("stderr", text) for text in trace)]

    def _head(self, level: str, message: str, fields: Mapping[str, object]) -> list[Physical]:
        self._number += 1
        self.truth.count("watched_log_records_total", service=self.service, level=level.lower())
        told = {"number": self._number, **fields}
        if self.form == "json":
            stamp = {"timestamp": "2026-11-20 23:55:07,053", "level": level, "message": message}
            text = json.dumps({**stamp, **told}, ensure_ascii=False)
        else:
            pairs = " ".join(f"{key}={_value(value)}" for key, value in told.items())
            text = f"[{level}] {message} {pairs}"
        return [("stderr" if level == "ERROR" else "stdout", text)]

    # -- lines ------------------------------------------------------------------------------

    def _wrapped(self, record: list[Physical]) -> list[bytes]:
        lines = [line for stream, text in record for line in self._envelope(stream, text)]
        return [line.encode() + b"\n" for line in lines]

    def _envelope(self, stream: str, text: str) -> list[str]:
        if self.envelope == "file":
            lines = [text]
            stream = "file"
        else:
            cut = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
            wrap = _docker if self.envelope == "docker" else _cri
            lines = [wrap(stream, part, last=part is cut[-1]) for part in cut]
        self.truth.count("watched_log_lines_total", len(lines), service=self.service, stream=stream)
        return lines


def _value(value: object) -> str:
    text = str(value)
    return f'"{text}"' if "." in text and not isinstance(value, float) else text


def _docker(stream: str, part: str, *, last: bool) -> str:
    log = part + "\n" if last else part
    entry = {"log": log, "stream": stream, "time": "2026-11-20T23:55:07.053000000Z"}
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))


def _cri(stream: str, part: str, *, last: bool) -> str:
    return f"2026-11-20T23:55:07.053000000Z {stream} {'F' if last else 'P'} {part}"
