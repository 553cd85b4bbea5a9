"""What forwarding is made of: who makes records of a stream, and who sends them where."""

from __future__ import annotations

from collections.abc import Callable
from socket import gethostname
from typing import TYPE_CHECKING
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from msgspec import Struct

from exporter.clock import Clock, WallClock
from exporter.config import AppPlan
from exporter.forward import senders
from exporter.forward.settings import Way
from exporter.redact import redactor

if TYPE_CHECKING:
    from exporter.forward.forwarder import Assembler
    from exporter.forward.shapes import Made, Origin, Outcome, Sender
    from exporter.forward.telling import Telling
    from exporter.forward.track import Track


class Outlets(Struct, frozen=True):
    """How to get at them; `sample` makes a refused record readable."""

    connect: Callable[[AppPlan, Way, Clock], Sender]
    assembling: Callable[[AppPlan, Way, Telling], Callable[[Track], Assembler]]
    sample: Callable[[Made], str]


def connect(plan: AppPlan, way: Way, clock: Clock) -> Sender:
    """The connection to a destination; the labels of an application are on all its resources."""
    constant = {"host.name": gethostname(), **plan.labels}
    return senders.sender(way.target, constant, clock, way.destination.concurrency)


async def ask_empty(plan: AppPlan, way: Way) -> Outcome:
    """What a destination says to a request without records."""
    sender = connect(plan, way, WallClock())
    try:
        return await sender.send(())
    finally:
        await sender.close()


def assembling(plan: AppPlan, way: Way, telling: Telling) -> Callable[[Track], Assembler]:
    """What makes of a stream's lines redacted records, by the same reading as the metrics."""
    # Here, because who forwards nothing should not carry protobuf's messages.
    from exporter.forward.lines import Assembler as Reading  # noqa: PLC0415
    from exporter.forward.records import Recorder  # noqa: PLC0415

    hiding = redactor(way.redaction, telling.redacted)
    recorder = Recorder(hiding, ZoneInfo(plan.rules.timezone), way.destination.body)
    return lambda track: Reading(origin_of(plan.name, track), recorder)


def sample(made: Made) -> str:
    """What a record says, as it was redacted."""
    from exporter.forward.shown import shown  # noqa: PLC0415

    return shown(made)


def origin_of(app: str, track: Track) -> Origin:
    """Where the records of a stream come from."""
    cursor = track.cursor
    place = cursor.place or {}
    found = []
    if place.get("path"):
        found.append(("path", unquote(str(place["path"]), errors="surrogateescape")))
    if place.get("id"):
        found.append(("id", str(place["id"])))
        if place.get("name"):
            found.append(("container", str(place["name"]).removeprefix("/")))
    from exporter.forward.shapes import Origin  # noqa: PLC0415 - as above

    return Origin(app, cursor.service, cursor.stream, track.source, tuple(found))


OUTLETS = Outlets(connect, assembling, sample)
