"""What passes between reading and sending: records with their ends, and what a receiver said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

# accepted: all are taken. partial: some were rejected for good, the others taken. throttled: come
# again later, not sooner than asked. refused: this batch will never be taken. failed: nobody knows,
# send it again.
Verdict = Literal["accepted", "partial", "throttled", "refused", "failed"]


class Origin(Struct, frozen=True):
    """Where a stream's records come from; one resource of the OpenTelemetry data model each.

    `source` is the source's name, `place` what it says of the stream itself: a path, a container.
    """

    app: str
    service: str
    stream: str
    source: str
    place: tuple[tuple[str, str], ...] = ()


class Made(Struct, frozen=True):
    """One redacted record, ready to send: `body` is its serialized protobuf `LogRecord`.

    `end` is the offset in its stream behind its last line: once it is acknowledged, everything
    before `end` is. `level` is one of sidewatch's six, or None.
    """

    origin: Origin
    body: bytes
    end: int
    level: str | None


class Outcome(Struct, frozen=True):
    """What became of a batch: `reason` is a short word for a label, `text` for people.

    `rejected` counts records, `retry_after` is in seconds and only with `throttled`.
    """

    verdict: Verdict
    reason: str = ""
    text: str = ""
    rejected: int = 0
    retry_after: float | None = None


class Sender(Protocol):
    """One destination's connection. It raises nothing but CancelledError."""

    async def send(self, batch: Sequence[Made]) -> Outcome:
        """Send these records as one request, and wait for the answer as long as is allowed."""

    async def close(self) -> None:
        """Let go of the connection."""
