"""The settings of an application's brokers, and what of them is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote_plus

import msgspec
from msgspec import Struct

from exporter.model import Duration
from exporter.sources.probes.settings import Base, Family, Kind, Tcp, Tls, check_times

# As kombu has them where nothing else is set: transport_options["priority_steps"] of Celery.
PRIORITY_STEPS = (0, 3, 6, 9)

LONGEST_PATTERN = 7000  # a RabbitMQ takes URLs of 8000 bytes

# What is seen of somebody's work, by the broker's own counters.
Effect = Literal["published", "taken"]


@dataclass(frozen=True, slots=True)
class Redis:
    """A Redis: `"redis:6379"`, or a mapping with how to ask it.

    `prefix` and `priority_steps` are Celery's transport options `global_keyprefix` and
    `priority_steps`.
    """

    address: str = ""
    socket: Path | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    tls: Tls | None = None
    family: Family = "any"
    database: int = 0
    prefix: str = ""
    priority_steps: tuple[int, ...] = PRIORITY_STEPS

    def __post_init__(self) -> None:
        if bool(self.address) == (self.socket is not None):
            raise ValueError("needs an address, like redis:6379, or a socket")
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file are two ways for one; give either")
        if self.user is not None and not self.secured:
            raise ValueError("user: belongs to a password; give that, too")
        if self.database < 0:
            raise ValueError("database: 0 or above")
        if any(step < 0 for step in self.priority_steps):
            raise ValueError("priority_steps: 0 or above")
        _ = self.tcp

    @property
    def secured(self) -> bool:
        """Whether it is given a password."""
        return self.password is not None or self.password_file is not None

    @property
    def tcp(self) -> Tcp:
        """How it is reached."""
        return Tcp(address=self.address, socket=self.socket, family=self.family, tls=self.tls)


class Broker(Struct, frozen=True):
    """One entry of `brokers:`: a RabbitMQ by its management API, or a Redis.

    `queues` are names, or beginnings of names with a '*' at their end; without them, all that last
    of a RabbitMQ. `volatile` tells that it keeps its messages in memory only. `heartbeats` are
    signs of life by name, each given by what happens to the messages of these queues.
    """

    rabbitmq: Base | None = None
    redis: Redis | None = None
    vhost: str = "/"
    queues: tuple[str, ...] = ()
    volatile: bool = False
    heartbeats: Mapping[str, Effect] = msgspec.field(default_factory=dict)
    interval: Duration = 15.0
    timeout: Duration = 5.0

    def __post_init__(self) -> None:
        if self.rabbitmq is not None and self.redis is not None:
            raise ValueError("a broker is either a rabbitmq or a redis")
        if any(not name or "*" in name[:-1] for name in self.queues):
            raise ValueError("queues: names, or beginnings with a '*' at their end")
        if self.rabbitmq and len(quote_plus(pattern(self.queues))) > LONGEST_PATTERN:
            raise ValueError("queues: too many to ask for; give beginnings with a '*' at their end")
        check_times(self.interval, self.timeout)


class RabbitmqCheck(Struct, frozen=True):
    """A RabbitMQ that is asked. `name` is the labels `broker` and `probe`."""

    name: str
    base: Base
    vhost: str
    queues: tuple[str, ...]
    volatile: bool
    heartbeats: Mapping[str, Effect]
    interval: float
    timeout: float
    dates: bool = True

    @property
    def kind(self) -> Kind:
        """The label `kind`."""
        return "dependency"

    @property
    def target(self) -> str:
        """Where it is asked, for the log."""
        return str(self.base.socket or "{1}:{2}".format(*self.base.origin))


class RedisCheck(Struct, frozen=True):
    """A Redis that is asked. `queues` has by name how much each may grow in half an hour."""

    name: str
    server: Redis
    queues: Mapping[str, float]
    volatile: bool
    interval: float
    timeout: float
    dates: bool = True

    @property
    def kind(self) -> Kind:
        """The label `kind`."""
        return "dependency"

    @property
    def target(self) -> str:
        """Where it is asked, for the log."""
        return str(self.server.socket or self.server.address)


def pattern(queues: Sequence[str]) -> str:
    """The names as a regular expression, which the broker holds against each of its queues."""
    ways = (f"{re.escape(one[:-1])}.*" if one.endswith("*") else re.escape(one) for one in queues)
    return f"^(?:{'|'.join(ways)})$"
