"""`brokers:` of an application: where its brokers are, and which of their queues are looked at.

What a profile knows of a broker is used where the application says where that is. What the
application says goes before what the profile says, key by key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from exporter.config.build import Builder, Raw, entries, instead
from exporter.config.nodes import At, Refused
from exporter.config.objectives import Objective
from exporter.config.probes import from_folder
from exporter.sources.probes import (
    Base,
    Broker,
    Brokers,
    RabbitmqCheck,
    Redis,
    RedisCheck,
    probe_name,
)

GROWTH = 20.0  # messages in half an hour, as the rule has it where a queue has consumers


class Others(Struct, frozen=True):
    """What else is known of the application: objectives of growth, and who tells what already.

    `heartbeats` are declared ones, `logged` those that a log rule gives.
    """

    growth: Objective | None
    probes: Collection[str]
    heartbeats: Collection[str]
    logged: Collection[str]


class _Given(Struct, frozen=True):
    """A broker as one file says it: its settings by key, and where they stand."""

    settings: Mapping[str, Any]
    at: At
    line: int


def brokers(under: Raw | None, over: Raw | None, others: Others, folder: Path) -> Brokers | None:
    """The brokers that are asked; `under` is the profile's part. Mistakes go to their places.

    Relative paths are taken from the folder.
    """
    known = dict(_given(under))
    found = dict[str, tuple[Broker, _Given]]()
    for name, mine in _given(over):
        theirs = known[name].settings if name in known else {}
        try:
            broker = from_folder(folder, Broker(**{**theirs, **mine.settings}))
        except ValueError as error:
            mine.at.say(mine.line, str(error))
            continue
        for wrong in _faults(name, broker, others):
            mine.at.say(mine.line, wrong)
        found[name] = broker, mine
    _check_queues(found)
    checks = tuple(_check(name, broker, others) for name, (broker, _) in found.items())
    return Brokers(tuple(check for check in checks if check)) if any(checks) else None


def _given(part: Raw | None) -> Iterator[tuple[str, _Given]]:
    builder = Builder(short={Base: "url", Redis: "address"})
    for pair, at in part.pairs() if part else ():
        said = len(at.complaints)
        try:
            broker = builder.build(Broker, pair.node, at)
            keys = [one.key for one in entries(pair.node, at).pairs]
            probe_name(pair.key)
        except Refused:
            continue
        except ValueError as error:
            at.say(pair.line, str(error))
            continue
        if len(at.complaints) > said:
            continue  # what was refused is no more among the settings
        yield pair.key, _Given({key: getattr(broker, key) for key in keys}, at, pair.line)


def _faults(name: str, broker: Broker, others: Others) -> Iterator[str]:
    if broker.rabbitmq is None and broker.redis is None:
        yield "says not where it is; give rabbitmq, the URL of its management, or redis: HOST:PORT"
    if name in others.probes:
        yield f"there is a probe {name} already; both would tell whether it answers"
    if broker.redis is not None and any(queue.endswith("*") for queue in broker.queues):
        yield "queues: a Redis does not list them; name each"
    if broker.redis is not None and broker.heartbeats:
        yield "heartbeats: a Redis does not count what passes through it"
    for heartbeat in broker.heartbeats:
        if heartbeat not in others.heartbeats:
            hint = instead(heartbeat, others.heartbeats)
            yield f"heartbeats: {heartbeat} is not declared under heartbeats{hint}"
        elif heartbeat in others.logged:
            yield f"heartbeats: {heartbeat} is given by a log rule already"


def _check_queues(found: Mapping[str, tuple[Broker, _Given]]) -> None:
    """Complain of queues whose numbers two brokers would tell."""
    asked = {name: pair for name, pair in found.items() if pair[0].queues or pair[0].rabbitmq}
    seen = set[str]()
    for broker, mine in asked.values():
        if len(asked) > 1 and (not broker.queues or any("*" in one for one in broker.queues)):
            mine.at.say(mine.line, "one of several brokers with queues; name each of its own")
        for queue in broker.queues:
            if queue in seen:
                mine.at.say(mine.line, f"queues: another broker has a queue {queue} already")
        seen.update(broker.queues)


def _check(name: str, broker: Broker, others: Others) -> RabbitmqCheck | RedisCheck | None:
    if broker.rabbitmq is not None:
        return RabbitmqCheck(
            name,
            broker.rabbitmq,
            broker.vhost,
            broker.queues,
            broker.volatile,
            broker.heartbeats,
            broker.interval,
            broker.timeout,
        )
    if broker.redis is None:
        return None
    growth = {queue: _growth(queue, others.growth) for queue in broker.queues}
    return RedisCheck(name, broker.redis, growth, broker.volatile, broker.interval, broker.timeout)


def _growth(queue: str, objective: Objective | None) -> float:
    most = None if objective is None else objective.of(queue)
    return GROWTH if most is None else most
