"""RabbitMQ by its management API: queues, alarms, and when its nodes were started.

https://www.rabbitmq.com/docs/management#http-api, the same from 3.10 to 4.x. Only named columns are
asked for, so that nothing of a message, a client or a queue's arguments is ever transferred.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct, field

from exporter.clock import Clock
from exporter.sources.probes.assertions import NoJson, as_number, parse_json
from exporter.sources.probes.brokers.settings import Effect, RabbitmqCheck, pattern
from exporter.sources.probes.brokers.started import Started, steady
from exporter.sources.probes.certificates import Trust
from exporter.sources.probes.credentials import Aside, Ready, prepare
from exporter.sources.probes.readings import Point
from exporter.sources.probes.resolver import Resolver
from exporter.sources.probes.settings import Http, HttpCheck
from exporter.sources.probes.verdict import ProbeError, Result
from exporter.sources.worker import Worker

MOST_QUEUES = 500  # the most that the API gives in one page
LARGEST_ANSWER = 4 << 20
OK, MISSING = 200, 404
REFUSED = frozenset({401, 403})
NUMBERLESS_SECONDS = 60.0  # a queue that was just made has none for the first five
LASTING = {"durable": True, "auto_delete": False, "exclusive": False}
STATES = {"messages_ready": "ready", "messages_unacknowledged": "running"}
COUNTS: Mapping[Effect, tuple[str, ...]] = {
    "published": ("publish",),
    "taken": ("ack", "deliver_no_ack", "get_no_ack"),  # what was taken for good
}
QUEUE_COLUMNS = (
    "name",
    "state",
    "consumers",
    *LASTING,
    *STATES,
    *(f"message_stats.{key}" for keys in COUNTS.values() for key in keys),
)
NODE_COLUMNS = ("running", "uptime", "mem_alarm", "disk_free_alarm")
ALARMS = {"mem_alarm": "memory", "disk_free_alarm": "disk"}
NOT_SERVED = frozenset({"down", "crashed", "stopped", "terminated", "minority"})
CONSUMERS = "watched_queue_consumers"

Row = Mapping[str, Any]


class Pulse(Struct):
    """When messages were last seen to move: `count` is a total of the broker's own."""

    count: float
    at: float

    def turn(self, count: float, now: float) -> None:
        """Take note of the total as it is now; a broker or queue that is new counts from 0."""
        if count > self.count or 0 < count < self.count:
            self.at = now
        self.count = count


class Silence(Struct):
    """Since when queues were told of, and none of their numbers."""

    since: float | None = None

    def turn(self, rows: Sequence[Row], now: float) -> None:
        """Raises ProbeError where it lasts: the management's statistics may be switched off."""
        if not rows or any(key in row for row in rows for key in ("consumers", *STATES)):
            self.since = None
            return
        self.since = self.since or now
        if now - self.since >= NUMBERLESS_SECONDS:
            raise ProbeError("json", "it tells no numbers of its queues; does it collect any?")


class Examiner(Struct):
    """Asks one RabbitMQ; `pulses`, by heartbeat, and the rest go on from one time to the next."""

    check: RabbitmqCheck
    clock: Clock
    resolver: Resolver
    ready: Aside[Ready]
    pulses: dict[str, Pulse] = field(default_factory=dict)
    silence: Silence = field(default_factory=Silence)
    started: Started = field(default_factory=Started)

    async def ask(self, result: Result) -> None:
        """Ask for the queues and the nodes. Raises ProbeError."""
        rows = await self._queues(result)
        now = self.clock.now()
        result.points = [*queue_points(rows, self.check.queues), *self._beats(rows, now)]
        nodes = await self._nodes(result)
        now = self.clock.now()
        if self.check.volatile:
            result.points += steady(self.started, start_points(nodes, self.check.name, now), now)
        if trouble := "; ".join((*unserved(rows), *alarms(nodes))):
            raise ProbeError("body", trouble)
        self.silence.turn(rows, now)

    async def _queues(self, result: Result) -> list[Row]:
        query = {"page": "1", "page_size": str(MOST_QUEUES), "columns": ",".join(QUEUE_COLUMNS)}
        if self.check.queues:
            query |= {"use_regex": "true", "name": pattern(self.check.queues)}
        path = f"/api/queues/{quote(self.check.vhost, safe='')}?{urlencode(query)}"
        status, document = await self._get(path, result)
        if status == MISSING:
            raise ProbeError("status", f"status 404: it has no vhost {self.check.vhost!r}")
        if status in REFUSED:
            text = "it refuses the user, or lets it see nothing of the vhost"
            raise ProbeError("status", f"status {status}: {text}")
        if status != OK:
            raise ProbeError("status", f"status {status}, not 200")
        if not isinstance(document, dict):
            raise ProbeError("json", "the answer is no page of queues")
        if (_number(document, "page_count") or 1) > 1:
            raise ProbeError("size", f"more than {MOST_QUEUES} queues; name those that matter")
        rows = _rows(document.get("items"))
        if not all(isinstance(row.get("name"), str) for row in rows):
            raise ProbeError("json", "the answer has a queue without a name")
        return [
            {**row, "name": row["name"].encode("utf-8", "replace").decode()}
            for row in rows
            if self.check.queues or all(row.get(key) is value for key, value in LASTING.items())
        ]

    async def _nodes(self, result: Result) -> list[Row]:
        """The nodes; none where the user may not see them, and need not."""
        query = urlencode({"columns": ",".join(NODE_COLUMNS)})
        status, document = await self._get(f"/api/nodes?{query}", result)
        if status in REFUSED and not self.check.volatile:
            return []
        if status in REFUSED:
            text = "the user may not see when it was started; it needs the tag monitoring"
            raise ProbeError("status", f"status {status}: {text}")
        if status != OK:
            raise ProbeError("status", f"status {status} for the nodes, not 200")
        return _rows(document)

    async def _get(self, path: str, result: Result) -> tuple[int, Any]:
        """The status and the document; None where it is not 200."""
        from exporter.sources.probes.http import fetch

        check = self.check
        http = Http(path=path, limit=LARGEST_ANSWER)
        asked = HttpCheck(check.name, http, check.base, check.interval, check.timeout)
        answer = await fetch(asked, self.resolver, self.ready, result)
        if answer.status != OK:
            return answer.status, None
        try:
            return OK, parse_json(answer.body)
        except NoJson:
            raise ProbeError("json", "the answer is no JSON") from None

    def _beats(self, rows: list[Row], now: float) -> Iterator[Point]:
        """When messages last moved; at first, when they were first looked at."""
        for name, effect in self.check.heartbeats.items():
            count = sum(_count(row, key) for row in rows for key in COUNTS[effect])
            self.pulses.setdefault(name, Pulse(count, now)).turn(count, now)
            labels = {"heartbeat": name}
            yield Point("watched_heartbeat_timestamp_seconds", labels, self.pulses[name].at)


def examiner(check: RabbitmqCheck, clock: Clock, resolver: Resolver, worker: Worker) -> Examiner:
    """What asks this RabbitMQ; `worker` reads its files."""
    files = HttpCheck(check.name, Http(), check.base, check.interval, check.timeout)
    ready = Aside(worker, partial(prepare, files, Trust(check.base.tls)))
    return Examiner(check, clock, resolver, ready)


# -- reading ------------------------------------------------------------------------------------


def queue_points(rows: Sequence[Row], named: Sequence[str]) -> Iterator[Point]:
    """What is known of each queue. One that is named and not there has nothing, and nobody.

    For seconds after it was made, a queue has no numbers: unknown is not zero.
    """
    for row in rows:
        for key, state in STATES.items():
            if (number := _number(row, key)) is not None:
                yield Point("watched_queue_jobs", {"queue": row["name"], "state": state}, number)
        if (number := _number(row, "consumers")) is not None:
            yield Point(CONSUMERS, {"queue": row["name"]}, number)
    there = {row["name"] for row in rows}
    for name in named:
        if name not in there and not name.endswith("*"):
            yield Point(CONSUMERS, {"queue": name}, 0.0)
            for state in STATES.values():
                yield Point("watched_queue_jobs", {"queue": name, "state": state}, 0.0)


def start_points(nodes: Sequence[Row], broker: str, now: float) -> Iterator[Point]:
    """When the node was started that was started last: what it held is gone."""
    uptimes = [_number(node, "uptime") for node in nodes if node.get("running") is True]
    known = [uptime for uptime in uptimes if uptime is not None]
    if known:
        labels = {"broker": broker}
        yield Point("watched_broker_start_timestamp_seconds", labels, now - min(known) / 1000)


def unserved(rows: Sequence[Row]) -> Iterator[str]:
    """The queues that the broker knows and does not serve."""
    for row in rows:
        if str(row.get("state")) in NOT_SERVED:
            yield f"the queue {row['name']!r} is {row['state']}"


def alarms(nodes: Sequence[Row]) -> Iterator[str]:
    """What a node runs out of, so that it takes no more messages."""
    for key, what in ALARMS.items():
        if any(node.get(key) is True for node in nodes):
            yield f"its alarm for {what} is on, so it takes no messages"


def _rows(document: Any) -> list[Row]:
    """A list of things. Raises ProbeError."""
    if not isinstance(document, list) or not all(isinstance(one, dict) for one in document):
        raise ProbeError("json", "the answer is not a list of things")
    return document


def _number(row: Row, key: str) -> float | None:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return as_number(value)


def _count(row: Row, key: str) -> float:
    stats = row.get("message_stats")
    return (_number(stats, key) if isinstance(stats, dict) else None) or 0.0
