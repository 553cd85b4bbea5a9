"""Keeping a source going: whatever it raises is counted, said, and tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from exporter.app.assembly import assemble
from exporter.clock import Clock, SetClock
from exporter.config import load_profile
from exporter.errors import SourceError
from exporter.model import Sink
from exporter.pipeline import keep
from exporter.shard import Shard


class EnoughError(BaseException):
    """Ends the test from inside, as nothing that a source raises can."""


@dataclass(frozen=True, slots=True)
class Scripted:
    """A source that does at each opening what its script says."""

    script: list[Callable[[], None]]
    finite: bool = False
    interval: float | None = None

    @property
    def name(self) -> str:
        return "scripted"

    async def run(self, sink: Sink, clock: Clock) -> None:
        del sink, clock
        self.script.pop(0)()


def _raise(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def _shard(clock: Clock) -> Shard:
    return assemble(load_profile("kodiai"), clock)


async def _kept(source: Scripted, shard: Shard, clock: SetClock) -> list[float]:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock.advance(seconds)

    await keep(source, shard, clock, sleep=sleep)
    return pauses


async def test_every_failure_is_counted_by_its_reason_and_tried_again() -> None:
    clock = SetClock(1e9)
    shard = _shard(clock)
    source = Scripted(
        [
            _raise(SourceError("permission", "may not be read")),
            _raise(ZeroDivisionError()),
            lambda: None,
            _raise(EnoughError()),
        ]
    )
    with pytest.raises(EnoughError):
        await _kept(source, shard, clock)
    for reason in ("permission", "unexpected", "ended"):
        value = shard.registry.value("sidewatch_source_failures_total", ("scripted", reason))
        assert value == 1.0, reason


async def test_the_pause_doubles_to_a_minute_with_jitter() -> None:
    clock = SetClock(1e9)
    failures = [_raise(SourceError("gone", "gone")) for _ in range(9)]
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    with pytest.raises(EnoughError):
        await keep(Scripted([*failures, _raise(EnoughError())]), _shard(clock), clock, sleep=sleep)
    bounds = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert all(bound / 2 <= pause <= bound for pause, bound in zip(pauses, bounds, strict=True)), (
        pauses
    )


async def test_a_source_that_can_end_ends_in_peace() -> None:
    clock = SetClock(1e9)
    shard = _shard(clock)
    assert await _kept(Scripted([lambda: None], finite=True), shard, clock) == []
    assert shard.registry.value("sidewatch_source_up", ("scripted",)) == 0.0


async def test_a_cancelled_source_is_no_failure() -> None:
    clock = SetClock(1e9)
    shard = _shard(clock)
    task = asyncio.create_task(keep(Scripted([_raise(asyncio.CancelledError())]), shard, clock))
    with pytest.raises(asyncio.CancelledError):
        await task
    labels = ("scripted", "unexpected")
    assert shard.registry.value("sidewatch_source_failures_total", labels) is None
