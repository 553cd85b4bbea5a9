"""All kinds of checks there are, and those of one application."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from msgspec import Struct

from exporter.sources.probes.brokers.settings import RabbitmqCheck, RedisCheck
from exporter.sources.probes.settings import HttpCheck, TcpCheck

FRESH_INTERVALS = 3
PLACES = 8

Check = HttpCheck | TcpCheck | RabbitmqCheck | RedisCheck


class Probes(Struct, frozen=True):
    """All that an application is asked. `concurrency` bounds how many are under way at once."""

    checks: tuple[Check, ...] = ()
    interval: float = 15.0
    concurrency: int = PLACES


def fresh_seconds(check: Check) -> float:
    """For how long a result tells how it is: three intervals old is unknown."""
    return FRESH_INTERVALS * check.interval + check.timeout


def ample(checks: Iterable[Check]) -> int:
    """How many places let each be asked on its own clock, though all of them hang."""
    shares = (min(1.0, check.timeout / check.interval) for check in checks)
    return max(PLACES, ceil(sum(shares)) + 1)


def fewest(checks: Iterable[Check]) -> int:
    """With fewer places, results of checks that all hang become unknown before the next ones."""
    return ceil(sum(check.timeout / fresh_seconds(check) for check in checks)) + 1
