"""From a check to what asks it: one place knows the kinds of checks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from exporter.clock import Clock
from exporter.sources.probes.brokers import rabbitmq, redis
from exporter.sources.probes.brokers.settings import RabbitmqCheck, RedisCheck
from exporter.sources.probes.certificates import Trusts
from exporter.sources.probes.checks import Check, ample
from exporter.sources.probes.credentials import Aside, prepare, reads
from exporter.sources.probes.resolver import Resolver
from exporter.sources.probes.settings import HttpCheck, TcpCheck
from exporter.sources.probes.tcp import converse
from exporter.sources.probes.verdict import Phases, ProbeError, Result, timed_out
from exporter.sources.worker import Worker

log = logging.getLogger(__name__)

Exam = Callable[[Result], Awaitable[None]]


def exam(check: Check, clock: Clock, resolver: Resolver, worker: Worker, trusts: Trusts) -> Exam:
    """What asks this check: it fills a result, or raises ProbeError. `worker` reads its files."""
    match check:
        case HttpCheck():
            from exporter.sources.probes.http import ask

            prepared = partial(prepare, check, trusts.of(check.base.tls))
            ready = Aside(worker if reads(check) else None, prepared)
            return partial(ask, check, clock, resolver, ready)
        case TcpCheck():
            tls = check.tcp.secured
            trust = None if tls is None else Aside(worker, trusts.of(tls).context)
            return partial(converse, check, resolver, trust)
        case RabbitmqCheck():
            return rabbitmq.examiner(check, clock, resolver, worker).ask
        case RedisCheck():
            return redis.examiner(check, clock, resolver, worker).ask


async def examine(one: Exam, seconds: float, now: Callable[[], float]) -> Result:
    """What came of it within so many seconds, whatever it was."""
    result = Result(Phases(now))
    try:
        async with asyncio.timeout(seconds):
            await one(result)
    except TimeoutError:
        result.failure = timed_out(result, seconds)
    except ProbeError as error:
        result.failure = error
    except Exception as error:
        log.debug("a probe failed unforeseen", exc_info=error)
        result.failure = ProbeError("other", f"it failed unforeseen: {type(error).__name__}")
    result.phases.stop()
    return result


async def ask_once(checks: Sequence[Check], clock: Clock, resolver: Resolver) -> list[Result]:
    """What comes of each check, as many of them at the same time as there is room for."""
    now, trusts = asyncio.get_running_loop().time, Trusts()
    workers = [Worker(f"probe {check.name}") for check in checks]
    room = asyncio.Semaphore(ample(checks))

    async def ask(check: Check, worker: Worker) -> Result:
        async with room:
            return await examine(exam(check, clock, resolver, worker, trusts), check.timeout, now)

    try:
        return await asyncio.gather(*map(ask, checks, workers))
    finally:
        for worker in workers:
            worker.close()
