"""A running sidewatch: shards fed by sources, saved, served, and rebuilt when the plan changes."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.app.assembly import assemble, declare, sources
from exporter.app.chores import Chores
from exporter.app.discovery import Discoverer
from exporter.app.doubles import doubled_soon
from exporter.app.forwarding import Forwarding
from exporter.app.front import Front
from exporter.app.house import House
from exporter.app.outlets import OUTLETS, Outlets
from exporter.app.porter import Porter
from exporter.app.pushing import push_for_ever
from exporter.app.status import Status
from exporter.app.tasks import begun
from exporter.app.ticks import Ticks
from exporter.app.watched import Watched
from exporter.clock import Clock
from exporter.config import AppPlan, Plan, is_loopback
from exporter.errors import ConfigError
from exporter.model import Snapshot
from exporter.pipeline import keep
from exporter.redact import redactor
from exporter.saving import Saver, take_up
from exporter.server import Page, Server, serve
from exporter.sources.files.heirs import pass_on
from exporter.sources.otlp import Otlp
from exporter.sources.worker import Worker
from exporter.state import StateFile, lock
from exporter.turns import Turns

if TYPE_CHECKING:
    from exporter.app.receiving import Receiver

WATCH_INTERVAL = 5.0
DISCOVER_INTERVAL = 5.0
READY_SECONDS = 60.0

log = logging.getLogger(__name__)


class Running:
    """Everything that lives while sidewatch runs. `load` reads the configuration anew."""

    def __init__(
        self, plan: Plan, clock: Clock, load: Callable[[], Plan], outlets: Outlets = OUTLETS
    ) -> None:
        self.plan = plan
        self.clock = clock
        self.redactor = redactor(plan.redaction)
        self._load = load
        self._began = clock.now()
        self._house = House(clock)
        self._front = Front(plan.web, self._house)
        self._writer = Worker("state")
        self._positions = Worker("positions")
        self.outlets = outlets
        self.saver = Saver(clock, self._writer.do)
        self._watched: dict[str, Watched] = {}
        self._status = Status(clock, lambda: self.redactor, self._watched, self.saver.expose)
        self._discoverer = Discoverer(clock, plan.state, self._writer.do)
        self._wanted, self._changing = asyncio.Event(), asyncio.Lock()
        self._turns = Turns()  # of all applications
        self._ticks = Ticks()
        self._digest = _digest(plan)

    async def run(self, stop: asyncio.Event, started: Callable[[Server], None]) -> None:
        """Run until `stop` is set, then save. Raises SidewatchError where it cannot start."""
        async with AsyncExitStack() as stack:
            self._lock(stack)
            stack.callback(self._writer.close)
            stack.callback(self._positions.close)
            if wrong := await doubled_soon(self.plan):
                raise ConfigError(wrong)
            await self._discoverer.recall()
            for app in self._all(self.plan).values():
                self._start(app)
            stack.push_async_callback(self._end)
            porter = Porter(self._receives, self._receiver, self._house.received)
            stack.callback(porter.close)
            server = await stack.enter_async_context(
                serve(
                    self.plan.listen,
                    expose=self.expose,
                    ready=self.unready,
                    page=self._page,
                    on_error=lambda error: log.error("a request failed: %r", error),
                    created=self.plan.created,
                    access=self._front.access,
                    refused=self._house.refused,
                    posts={"/v1/logs": porter.receive},
                )
            )
            started(server)
            await self._supervise(stop)

    def _lock(self, stack: AsyncExitStack) -> None:
        """Have the state folder alone. Where it cannot be written, watching is still worth it."""
        file, complaint = lock(self.plan.state)
        if file is not None:
            stack.callback(file.close)
        if complaint is not None:
            log.error("%s", complaint)

    async def _supervise(self, stop: asyncio.Event) -> None:
        """Keep saver, watcher and lag probe alive; only they and `stop` can end the process."""
        async with asyncio.TaskGroup() as group:
            chores = Chores(
                self.clock,
                self._house,
                self.saver,
                self._writer,
                self._watched,
                lambda: self.plan,
                self._ticks,
            )
            pushes = push_for_ever(
                lambda: self.plan.push, self.expose, self._house, self.clock, self._ticks
            )
            for_ever = [
                *chores.all(),
                self._reload_for_ever(),
                self._discover_for_ever(),
                self._front.watch(self._ticks),
                self._status.note(),
                pushes,
            ]
            tasks = [group.create_task(one) for one in for_ever]
            await stop.wait()
            for task in tasks:
                task.cancel()

    async def _end(self) -> None:
        await asyncio.gather(*(one.stop() for one in self._watched.values()))
        for one in self._watched.values():
            one.shard.rest()
        if not await self.saver.save(sync=True):
            log.error("the last save failed; the next start goes on from the one before")

    # -- what the server asks -----------------------------------------------------------------

    async def expose(self) -> Sequence[Snapshot]:
        """What a scrape shows."""
        forwarded = [one.forwarding.snapshot() for one in self._watched.values()]
        return [*await self.saver.expose(), *forwarded, *self._house.snapshots(self.saver)]

    def unready(self) -> list[str]:
        """Why not every source has passed the end that it saw at start; nothing after a minute."""
        if self.clock.now() - self._began >= READY_SECONDS:
            return []
        return [
            f"{app}: {source.name}: {why}"
            for app, one in self._watched.items()
            for source in sources(one.plan)
            if (why := one.shard.unfinished(source.name)) is not None
        ]

    def _plans(self) -> Iterable[AppPlan]:
        return [one.plan for one in self._watched.values()]

    def _receives(self) -> bool:
        """Whether any application has its logs pushed."""
        sources = (placed.source for plan in self._plans() for placed in plan.logs)
        return any(isinstance(one, Otlp) for one in sources)

    def _receiver(self) -> Receiver:
        # Here, because who is sent nothing should not carry protobuf's messages.
        from exporter.app.receiving import Receiver  # noqa: PLC0415

        return Receiver(self._plans, self._safe_to_receive(), self._house)

    def _safe_to_receive(self) -> Callable[[], bool]:
        """Whether none but this host, or who has a password or certificate, may push logs now."""
        local = is_loopback(self.plan.listen)
        return lambda: local or self._front.access().guarded

    async def _page(self, shown: bool) -> Page:  # noqa: FBT001 - the server's word for it
        waiting = self.unready()
        return await self._status.page(waiting, degraded=self.saver.degraded, shown=shown)

    # -- what goes on for ever ----------------------------------------------------------------

    async def _discover_for_ever(self) -> None:
        """Watch the applications that labels name as well."""
        while True:
            try:
                if await self._discoverer.look(self.plan):
                    await self._change()
            except Exception:
                log.exception("discover: failed; what was found before is watched on")
            self._house.discovered(self._discoverer if self.plan.discovery else None)
            await self._ticks.wait(DISCOVER_INTERVAL)

    async def _reload_for_ever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._ticks.rest(WATCH_INTERVAL)):
                    await self._wanted.wait()
            except TimeoutError:
                if _digest(self.plan) == self._digest:
                    continue
            self._wanted.clear()
            self._digest = _digest(self.plan)
            await self._reload()

    # -- changing -----------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the configuration again, soon (SIGHUP)."""
        self._wanted.set()

    async def _reload(self) -> None:
        """Take a new configuration, keeping all counters; keep the old one where it is wrong."""
        try:
            plan = self._load()
            if wrong := await doubled_soon(plan):
                raise ConfigError(wrong)  # noqa: TRY301 - it is told like any other mistake
        except ConfigError as error:
            self._house.reloaded(taken=False)
            self._status.complaints = str(error)
            log.error("the configuration is wrong; the one before stays in use:\n%s", error)  # noqa: TRY400 - the complaint says all
            return
        if (plan.listen, plan.state) != (self.plan.listen, self.plan.state):
            log.warning("`listen` and `state` change at the next start only")
        self._status.complaints = ""
        if plan.redaction != self.plan.redaction:
            self._status.clear()
        self._front.take(plan.web)
        await self._change(plan)
        self._house.reloaded(taken=True)
        log.info("the configuration was taken: %d applications", len(self._watched))

    def _all(self, plan: Plan) -> dict[str, AppPlan]:
        """All applications, those that were found too."""
        own = {app.name: app for app in plan.apps}
        return own | self._discoverer.plans(plan.discovery, own)

    async def _change(self, plan: Plan | None = None) -> None:
        """Watch what this plan, or the one in use, has by now."""
        async with self._changing:
            if plan is not None:
                self.plan, self.redactor = plan, redactor(plan.redaction)
            wanted = self._all(self.plan)
            for name, one in list(self._watched.items()):
                if wanted.get(name) != one.plan:
                    await self._replace(one, wanted.get(name))
            for name, app in wanted.items():
                if name not in self._watched:
                    self._start(app)

    async def _replace(self, old: Watched, plan: AppPlan | None) -> None:
        await old.stop()
        await self.saver.save()
        self.saver.remove(old.shard)
        del self._watched[old.plan.name]
        if plan is not None:
            self._start(plan, old.shard.dump())
        else:
            self._status.forget(old.plan.name)

    def _start(self, plan: AppPlan, state: dict[str, object] | None = None) -> None:
        """Bring an application to work, from its shard before, its saved state, or nothing."""
        file = StateFile(self.plan.state, plan.name)
        shard, complaints = take_up(lambda: assemble(plan, self.clock), file, state)
        for complaint in complaints:
            log.warning("%s", complaint)
        shard.turns = self._turns
        shard.inherit(partial(pass_on, sources=[placed.source for placed in plan.logs]))
        declare(shard, plan)  # first: the next scrape may show what the saver is handed here
        self._status.follow(shard)
        self.saver.add(shard, file)
        folder, do = self.plan.state, self._positions.do
        forwarding = Forwarding.begin(plan, self.clock, folder, do, self.outlets)
        tasks = [
            begun(
                keep(source, forwarding.host(source, shard), self.clock),
                f"{plan.name}/{source.name}",
            )
            for source in sources(plan)
        ]
        self._watched[plan.name] = Watched(plan, shard, tasks, forwarding)


def _digest(plan: Plan) -> bytes:
    """The configuration's content: a bind mount hides an editor's rename from file watchers."""
    digest = hashlib.blake2b(digest_size=16)
    for file in plan.read:
        try:
            digest.update(Path(file).read_bytes())
        except OSError:
            digest.update(b"?")
    return digest.digest()
