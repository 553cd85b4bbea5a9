"""All kinds of checks there are, and those of one application."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.sources.probes.brokers.settings import RabbitmqCheck, RedisCheck
from exporter.sources.probes.settings import HttpCheck, TcpCheck

Check = HttpCheck | TcpCheck | RabbitmqCheck | RedisCheck


@dataclass(frozen=True, slots=True)
class Probes:
    """All that an application is asked. `concurrency` bounds how many are under way at once."""

    checks: tuple[Check, ...] = ()
    interval: float = 15.0
    concurrency: int = 8
