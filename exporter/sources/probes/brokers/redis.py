"""Redis in its own protocol: whether it answers, how long Celery's lists are, when it was started.

https://redis.io/docs/latest/develop/reference/protocol-spec/ (RESP 2, which every version speaks).
Commands that read alone are sent: PING, LLEN, INFO, and AUTH and SELECT before them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TypeGuard

from msgspec import Struct, field

from exporter.clock import Clock
from exporter.sources.probes.brokers.settings import Redis, RedisCheck
from exporter.sources.probes.brokers.started import Started, steady
from exporter.sources.probes.certificates import Trust, WatchedContext
from exporter.sources.probes.credentials import Aside, in_time, read_secret
from exporter.sources.probes.readings import Point
from exporter.sources.probes.resolver import Resolver
from exporter.sources.probes.tcp import Talk, hold
from exporter.sources.probes.verdict import ProbeError, Result
from exporter.sources.worker import Worker

# Between a list's name and a priority above 0: `sep` of kombu's transport for Redis.
SEPARATOR = "\x06\x16"
LONGEST_BULK = 1 << 16
NUMBER = re.compile(r"-?[0-9]{1,19}")  # of 64 bits
UPTIME = "uptime_in_seconds"

Reply = str | int | None


class Refusal(Struct, frozen=True):
    """An error that a Redis answered: its first word alone, the rest may hold what was sent."""

    word: str


class Line(Struct):
    """A connection on which commands are sent and replies come back."""

    talk: Talk

    async def ask(self, *commands: Sequence[str]) -> list[Reply | Refusal]:
        """Send all, then read as many replies. Raises ProbeError where they are none of a Redis."""
        self.talk.writer.write(b"".join(map(spell, commands)))
        await self.talk.writer.drain()
        return [await self._reply() for _ in commands]

    async def _reply(self) -> Reply | Refusal:
        head = (await self._read_line()).decode("utf-8", "replace")
        self.talk.result.phases.enter("transfer")
        kind, text = head[:1], head[1:]
        if kind == "+":
            return text
        if kind == "-":
            return Refusal(text.partition(" ")[0][:40])
        if kind not in {":", "$"} or not NUMBER.fullmatch(text):
            raise _no_redis()
        return int(text) if kind == ":" else await self._bulk(int(text))

    async def _bulk(self, size: int) -> str | None:
        if size < 0:
            return None
        if size > LONGEST_BULK:
            raise ProbeError("size", "a reply is longer than 64 KiB")
        try:
            data = await self.talk.reader.readexactly(size + 2)
        except asyncio.IncompleteReadError:
            raise ProbeError("closed", "the connection was closed amid a reply") from None
        return data[:-2].decode("utf-8", "replace")

    async def _read_line(self) -> bytes:
        try:
            return (await self.talk.reader.readuntil(b"\r\n"))[:-2]
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise _no_redis() from None
            raise ProbeError("closed", "the connection was closed without an answer") from None
        except asyncio.LimitOverrunError:
            raise ProbeError("size", "a reply is longer than 64 KiB") from None


class Examiner(Struct, frozen=True):
    """Asks one Redis."""

    check: RedisCheck
    clock: Clock
    resolver: Resolver
    password: Aside[str | None]
    trust: Aside[WatchedContext] | None
    started: Started = field(default_factory=Started)

    async def ask(self, result: Result) -> None:
        """Ask whether it lives, and for the lengths of its lists. Raises ProbeError."""
        password = await in_time(self.password, result)
        talk = partial(self._talk, password, result)
        await hold(self.check.server.tcp, self.resolver, self.trust, result, talk)

    async def _talk(self, password: str | None, result: Result, talk: Talk) -> None:
        line, server = Line(talk), self.check.server
        greeting = list(greetings(server, password))
        for (command, *_), reply in zip(greeting, await line.ask(*greeting), strict=True):
            _expect(command, reply)
        keys = {name: lists(server, name) for name in self.check.queues}
        asked = [("LLEN", key) for name in keys for key in keys[name]]
        lengths = await line.ask(*asked) if asked else []
        found = {key: reply for (_, key), reply in zip(asked, lengths, strict=True)}
        points = list(queue_points(keys, found))
        points += growth_points(self.check.queues)
        if self.check.volatile:
            (info,) = await line.ask(("INFO", "server"))
            _expect("INFO", info)
            now = self.clock.now()
            points += steady(self.started, start_points(info, self.check.name, now), now)
        result.points = points
        for reply in lengths:
            _expect("LLEN", reply)


def examiner(check: RedisCheck, clock: Clock, resolver: Resolver, worker: Worker) -> Examiner:
    """What asks this Redis; `worker` reads its files."""
    tls = check.server.tls
    return Examiner(
        check,
        clock,
        resolver,
        Aside(worker, partial(_password, check.server)),
        None if tls is None else Aside(worker, Trust(tls).context),
    )


def _password(server: Redis) -> str | None:
    return server.password if server.password_file is None else read_secret(server.password_file)


def spell(command: Sequence[str]) -> bytes:
    """A command as RESP spells it, safe whatever is in its words."""
    words = [word.encode() for word in command]
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


def greetings(server: Redis, password: str | None) -> Iterator[tuple[str, ...]]:
    """What is said before anything is asked."""
    if password is not None:
        yield ("AUTH", password) if server.user is None else ("AUTH", server.user, password)
    if server.database:
        yield "SELECT", str(server.database)
    yield ("PING",)


def lists(server: Redis, queue: str) -> list[str]:
    """The lists in which Celery keeps a queue, one for each step of priority."""
    ends = [f"{SEPARATOR}{step}" if step else "" for step in sorted(set(server.priority_steps))]
    return [f"{server.prefix}{queue}{end}" for end in ends]


def queue_points(
    keys: Mapping[str, Sequence[str]], found: Mapping[str, Reply | Refusal]
) -> Iterator[Point]:
    """How long each queue is, where all of its lists could be counted."""
    for name, parts in keys.items():
        lengths = [found[part] for part in parts]
        known = [length for length in lengths if _is_length(length)]
        if len(known) == len(lengths):
            labels = {"queue": name, "state": "ready"}
            yield Point("watched_queue_jobs", labels, float(sum(known)))


def growth_points(queues: Mapping[str, float]) -> Iterator[Point]:
    """By how much each may grow: nothing else tells a rule that these are a broker's."""
    for name, most in queues.items():
        yield Point("watched_queue_growth_objective", {"queue": name}, most)


def start_points(info: Reply | Refusal, broker: str, now: float) -> Iterator[Point]:
    """When it was started, by the seconds that it has been up."""
    lines = info.splitlines() if isinstance(info, str) else []
    for key, _, value in (line.partition(":") for line in lines):
        if key == UPTIME and value.isdecimal():
            labels = {"broker": broker}
            yield Point("watched_broker_start_timestamp_seconds", labels, now - int(value))


def _is_length(reply: Reply | Refusal) -> TypeGuard[int]:
    return isinstance(reply, int) and reply >= 0


def _no_redis() -> ProbeError:
    return ProbeError("body", "this is no Redis")


def _expect(command: str, reply: Reply | Refusal) -> None:
    """Raises ProbeError where a command was refused, in words that hold nothing of a secret.

    Also where it was answered as no Redis does.
    """
    if not isinstance(reply, Refusal):
        if (command == "PING" and reply != "PONG") or (command == "LLEN" and not _is_length(reply)):
            raise _no_redis()
        return
    if reply.word == "WRONGTYPE":
        raise ProbeError("body", f"it answers {command} with WRONGTYPE: what it names is no list")
    raise ProbeError("status", f"it answers {command} with {reply.word}")
