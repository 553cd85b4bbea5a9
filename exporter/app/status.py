"""What the page at / is made of: samples and latencies kept in memory, and what is known anyway."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from exporter import __version__
from exporter.app.assembly import sources
from exporter.app.watched import Watched
from exporter.clock import Clock
from exporter.config import AppPlan
from exporter.model import Snapshot
from exporter.page.history import History
from exporter.redact import Redactor
from exporter.samples import Samples
from exporter.server import Page
from exporter.shard import Shard

NOTE_INTERVAL = 15.0
KINDS = {
    "Files": "log files",
    "Docker": "Docker logs",
    "Journald": "journal",
    "Stdin": "standard input",
    "Otlp": "pushed logs",
    "Database": "Postgres",
    "Daemon": "containers",
    "Watch": "disk",
    "Prober": "probes",
}
UNPARSED = "watched_log_unparsed_total"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Status:
    """Gathers it. `watched` is the map in use; `expose` gives what a scrape would see."""

    clock: Clock
    redactor: Callable[[], Redactor]
    watched: Mapping[str, Watched]
    expose: Callable[[], Awaitable[Sequence[Snapshot]]]
    complaints: str = ""
    _history: History = field(default_factory=History)
    _samples: dict[str, Samples] = field(default_factory=dict)
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock.now()

    def follow(self, shard: Shard) -> None:
        """Take samples of what this shard counts; what was seen of the application stays."""
        before = self._samples.get(shard.app)
        samples = Samples(
            self.redactor, lambda name: shard.registry.value(UNPARSED, (name,)) or 0.0
        )
        if before is not None:
            samples.errors, samples.lines = before.errors, before.lines
        self._samples[shard.app] = samples
        shard.sampler = partial(_look, samples)

    def forget(self, app: str) -> None:
        """Keep nothing of an application that is watched no more."""
        self._samples.pop(app, None)

    def clear(self) -> None:
        """Other things are to be hidden from now on."""
        for one in self._samples.values():
            one.clear()

    async def note(self) -> None:
        """Take down the probes' latencies, for ever."""
        while True:
            await asyncio.sleep(NOTE_INTERVAL)
            probing = [one.shard for one in self.watched.values() if _probes(one.plan)]
            if not probing:
                continue
            try:
                self._note(probing)
            except Exception:
                log.exception("latencies could not be noted for the status page")

    def _note(self, probing: Iterable[Shard]) -> None:
        from exporter.page.gather import latencies  # noqa: PLC0415 - only who probes has any

        now = self.clock.now()
        # Final, for nothing may be born by a look of our own: its 0 is to be scraped.
        looks = (shard.registry.snapshot(now, final=True) for shard in probing)
        found = dict(one for look in looks for one in latencies(look))
        for probe, seconds in found.items():
            self._history.note(probe, seconds, now)
        self._history.keep(set(found))

    async def page(self, waiting: Sequence[str], *, degraded: bool, shown: bool) -> Page:
        """The page; samples only where what logs said may be `shown`."""
        # Here, because most are scraped for weeks before anybody looks at the page.
        from exporter.page.gather import Facts, gather  # noqa: PLC0415
        from exporter.page.render import POLICY, render  # noqa: PLC0415
        from exporter.page.view import View  # noqa: PLC0415

        snapshots, now = await self.expose(), self.clock.now()
        facts = [
            Facts(name, one.plan.profile, _named(one), self._samples[name])
            for name, one in self.watched.items()
        ]
        view = View(
            version=__version__,
            at=now,
            began=self._began,
            open=shown,
            complaints=self.complaints,
            waiting=tuple(waiting),
            degraded=degraded,
            apps=gather(facts, snapshots, self._history, now),
        )
        return Page(POLICY, partial(render, view))


def _probes(plan: AppPlan) -> bool:
    """Whether anything is asked that has a latency."""
    return plan.probing.probes is not None or plan.brokers is not None


def _named(one: Watched) -> tuple[tuple[str, str], ...]:
    """Its sources, each with its kind in words."""
    kinds = ((source.name, type(source).__name__) for source in sources(one.plan))
    return tuple((name, KINDS.get(kind, kind.lower())) for name, kind in kinds)


def _look(samples: Samples, service: str, chunk: bytes, end: int, now: float) -> None:
    """Whatever a line does to this, counting goes on."""
    try:
        samples.look(service, chunk, end, now)
    except Exception:
        log.exception("no sample could be taken of %s", service)
