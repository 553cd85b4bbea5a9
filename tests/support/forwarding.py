"""Lines into records, as a stream feeds them, and back into plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC

from msgspec.structs import replace

from exporter.forward.lines import Assembler
from exporter.forward.records import Body, Recorder, Redacting
from exporter.forward.shapes import Made, Origin
from tests.support.otlp import ORIGIN, Got, Unhidden, record

NOW = 1_795_219_200.25  # 2026-11-21 00:00:00 UTC, and a quarter of a second
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PYTHON = """Traceback (most recent call last):
  File "/app/jobs.py", line 8, in run
    job.perform()
app.errors.JobError: upstream said 502"""
PLACELESS = replace(ORIGIN, place=())


@dataclass
class Reading:
    """An assembler, and how far it was fed."""

    body: Body = "message"
    redactor: Redacting = field(default_factory=Unhidden)
    origin: Origin = PLACELESS
    end: int = 0
    made: list[Made] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.assembler = Assembler(self.origin, Recorder(self.redactor, UTC, self.body))

    def take(self, *lines: str | bytes, at: float = NOW) -> list[Made]:
        """The records that these lines complete."""
        found: list[Made] = []
        for line in lines:
            raw = line.encode() if isinstance(line, str) else line
            self.end += len(raw) + 1
            found += self.assembler.take(raw, self.end, at)
            assert self.assembler.handed(self.end) >= max((one.end for one in found), default=0)
        self.made += found
        return found

    def flush(self, at: float | None = None) -> list[Made]:
        """The records that are whole by now; all of them at None."""
        found = self.assembler.flush(at)
        self.made += found
        return found


def read(
    *lines: str | bytes, body: Body = "message", redactor: Redacting | None = None
) -> list[Got]:
    """All records of these lines."""
    reading = Reading(body, redactor or Unhidden())
    reading.take(*lines)
    reading.flush()
    return [record(one.body) for one in reading.made]


def one(*lines: str | bytes, body: Body = "message") -> Got:
    """The one record of these lines."""
    (found,) = read(*lines, body=body)
    return found
