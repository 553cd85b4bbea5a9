"""The settings of forwarding: destinations, and which records of an application go there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from exporter.forward.target import LONGEST_TIMEOUT, Target, Wish
from exporter.model import Duration, Size
from exporter.redact import Redaction
from exporter.sources.docker.settings import Tls
from parsers import LEVELS

Level = Literal["trace", "debug", "info", "warning", "error", "critical"]
Protocol = Literal["http/protobuf", "grpc"]

MOST_RECORDS = 10_000
MOST_CONCURRENT = 16


class Choice(Struct, frozen=True):
    """Which records are sent: none, or those from a `level` on, and of a level only a share.

    Records without a level are always sent. `sample` gives shares from 0 to 1 by level.
    """

    send: bool | None = None
    level: Level | None = None
    sample: Mapping[str, float] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        for level, share in self.sample.items():
            if level not in LEVELS:
                raise ValueError(f"sample: {level!r} is no level; there are {', '.join(LEVELS)}")
            if not 0 <= share <= 1:
                raise ValueError(f"sample: {level}: a share is from 0 to 1, like 0.1")

    def over(self, under: Choice) -> Choice:
        """Laid over another one: what is said here goes before what is said there."""
        return Choice(
            under.send if self.send is None else self.send,
            self.level or under.level,
            {**under.sample, **self.sample},
        )


class Selection(Struct, frozen=True):
    """The same, and exceptions from it by service (a name, or a prefix that ends in '*')."""

    level: Level | None = None
    sample: Mapping[str, float] = msgspec.field(default_factory=dict)
    services: Mapping[str, Choice] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        Choice(None, self.level, self.sample)
        for name in self.services:
            if "*" in name[:-1]:
                raise ValueError(f"services: {name}: a '*' stands only at a pattern's end")

    def over(self, under: Selection) -> Selection:
        """Laid over another one; its exceptions are tried first."""
        mine = {
            name: one.over(under.services.get(name, Choice()))
            for name, one in self.services.items()
        }
        return Selection(
            self.level or under.level,
            {**under.sample, **self.sample},
            {**mine, **{name: one for name, one in under.services.items() if name not in mine}},
        )


class Batch(Struct, frozen=True):
    """How much is sent at once: at most so many records and bytes, after `delay` at the latest."""

    records: int = 512
    bytes: Size = 1 << 20
    delay: Duration = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.records <= MOST_RECORDS:
            raise ValueError(f"records: from 1 to {MOST_RECORDS}")
        if not 1 << 10 <= self.bytes <= 1 << 25:
            raise ValueError("bytes: from 1KiB to 32MiB")
        if not 0 < self.delay <= 60:
            raise ValueError("delay: longer than 0s, and not longer than 1m")


@dataclass(frozen=True, slots=True)
class Destination:
    """A receiver of OTLP. What is not given here is taken from `OTEL_EXPORTER_OTLP_*`.

    `window` bounds the bytes in memory for one application; `lag_objective` is how late a line may
    be acknowledged before it is worth an alert. `body` is what a record's body is: what the line
    says, with its other fields as attributes; a line of JSON as the object that it is; or the lines
    as they stand.
    """

    name: str = field(default="", metadata={"inner": True})
    endpoint: str | None = None
    protocol: Protocol | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    headers_file: Path | None = None
    compression: Literal["gzip", "none"] | None = None
    timeout: Duration | None = None
    tls: Tls | None = None
    level: Level | None = None
    sample: Mapping[str, float] = field(default_factory=dict)
    services: Mapping[str, Choice] = field(default_factory=dict)
    batch: Batch = field(default_factory=Batch)
    concurrency: int = 2
    window: Size = 4 << 20
    lag_objective: Duration = 300.0
    body: Literal["message", "json", "raw"] = "message"

    def __post_init__(self) -> None:
        if not 1 <= self.concurrency <= MOST_CONCURRENT:
            raise ValueError(f"concurrency: from 1 to {MOST_CONCURRENT}")
        if not 1 << 16 <= self.window <= 1 << 30:
            raise ValueError("window: from 64KiB to 1GiB")
        if self.timeout is not None and not 0.1 <= self.timeout <= LONGEST_TIMEOUT:
            raise ValueError("timeout: from 100ms to 5m")
        if not self.lag_objective > 0:
            raise ValueError("lag_objective: longer than 0s")
        self.selection()

    def selection(self) -> Selection:
        """Which records go there, as far as the destination itself says."""
        return Selection(self.level, self.sample, self.services)

    def inside(self, folder: Path) -> Destination:
        """The same with relative paths taken from the folder."""
        return replace(
            self,
            tls=self.tls and self.tls.inside(folder),
            headers_file=self.headers_file and folder / self.headers_file,
        )

    def wish(self) -> Wish:
        """What it says of the wire."""
        tls = self.tls or Tls()
        return Wish(
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


class Way(Struct, frozen=True):
    """A destination of one application: how it is reached, what goes there, and what is hidden."""

    destination: Destination
    target: Target
    selection: Selection
    redaction: Redaction
