"""The demo: the real sidewatch, simulated applications that it watches, and a voice that tells."""

from __future__ import annotations

import asyncio
import heapq
import http.client
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

from msgspec import Struct, field
from msgspec.structs import replace

from exporter.app.running import Running
from exporter.clock import WallClock
from exporter.config import LISTEN_VARIABLE, load
from exporter.demo import kodiai, pullapprove, workers
from exporter.demo.alarms import NAMES, alarms
from exporter.demo.alerts import Alerts
from exporter.demo.backups import dumps, write
from exporter.demo.databases import APPS, LOST, WATCHER, Writers, keep
from exporter.demo.entries import Deed, Happening
from exporter.demo.folder import private_folder, sweep
from exporter.demo.health import Health
from exporter.demo.logs import Logs
from exporter.demo.page import Memory, Page, fetch
from exporter.demo.pager import NoPagerError
from exporter.demo.postgres import Installed, NoPostgresError, installed
from exporter.demo.scenes import SCRIPT, spans
from exporter.demo.setup import SERVICES, USUAL, usual_address, write_config
from exporter.demo.telling import Board, Moment, Told, whole
from exporter.demo.timeline import Timeline
from exporter.demo.voices import Listener, voice
from exporter.errors import SidewatchError
from exporter.server import Server

MINUTE, FAST_MINUTE = 5.0, 1.0  # seconds that a minute of the applications lasts
MOMENT, FAST_MOMENT = 1.0, 0.4
LAST_COUNT_SECONDS = 4.0
PATIENCE = 50  # looks at /metrics
LOGS = (pullapprove.SERVER, *(log for log, _ in workers.WORKERS), kodiai.SERVER)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Options(Struct, frozen=True):
    """`seconds`: end by itself. `seed`: of the dice. `fast`: shorter scenes. `keep` the folder.

    `alerts`: with a real Prometheus and Alertmanager, where there are such.
    """

    seconds: float | None = None
    seed: int | None = None
    fast: bool = False
    keep: bool = False
    alerts: bool = True


def demo(options: Options) -> None:
    """Run until told to end. Raises SidewatchError where it cannot."""
    try:
        sweep()
        with private_folder(keep=options.keep) as folder:
            _perform_in(folder, options)
    except OSError as error:
        raise SidewatchError(f"the demo needs a temporary folder to write to: {error}") from error


def _perform_in(folder: Path, options: Options) -> None:
    listen, minute = usual_address(), FAST_MINUTE if options.fast else MINUTE
    configure = partial(write_config, folder, listen, minute)
    health = Health()
    config = configure(bases=health.bases())
    with _log_of_sidewatch(folder) as complaints:
        show = Show(options, folder, complaints, health, configure, Timeline(minute))
        if listen != USUAL and not os.environ.get(LISTEN_VARIABLE):
            show.say(f"{USUAL} is taken, so this demo listens at another port.")
        asyncio.run(show.run(config))
    if options.keep:
        configure()  # of its databases only the files are left, and nobody answers
        show.say(f"Kept: {folder}", f"sidewatch run --config {config} goes on from there.")


class Complaints(Struct):
    """A stream that keeps its lines until they are taken."""

    lines: list[str] = field(default_factory=list)

    def write(self, text: str) -> None:
        """Keep a line."""
        self.lines += text.splitlines()

    def take(self) -> tuple[str, ...]:
        """The lines since the last time."""
        taken = tuple(self.lines)
        self.lines.clear()
        return taken


@contextmanager
def _log_of_sidewatch(folder: Path) -> Iterator[Complaints]:
    """What sidewatch logs goes to a file; its warnings are also told."""
    complaints = Complaints()
    file = logging.FileHandler(folder / "sidewatch.log")
    told = logging.StreamHandler(complaints)
    told.setLevel(logging.WARNING)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    house = logging.getLogger("exporter")
    house.setLevel(logging.INFO)
    for handler in (file, told):
        house.addHandler(handler)
    try:
        yield complaints
    finally:
        for handler in (file, told):
            house.removeHandler(handler)
            handler.close()


def play(seed: int | None) -> Iterator[Happening]:
    """All that the applications say and write to their databases, in order, without end."""
    dice = Random(seed)
    parts = (pullapprove.server, workers.workers, kodiai.server)
    told = [part(SCRIPT, Random(dice.random())) for part in parts]
    return heapq.merge(*told, key=lambda one: one.at)


class Show:
    """One performance."""

    def __init__(
        self,
        options: Options,
        folder: Path,
        complaints: Complaints,
        health: Health,
        configure: Callable[..., Path],
        timeline: Timeline,
    ) -> None:
        self.options = options
        self.folder = folder
        self.complaints = complaints
        self.health = health
        self.configure = configure
        self.logs = Logs(folder / "logs")
        self.timeline = timeline
        self.writers = Writers(self.timeline)
        self.memory = Memory(NAMES)
        self.board = Board()
        self.alerts = Alerts(folder, timeline.minute / 60.0, options.alerts)
        self._clock = WallClock()
        self._ended = asyncio.Event()
        self._listener = Listener(sys.stdout, self._ended.set)
        self._postgres: Installed | None = None
        self._without = ""  # why there is none
        try:
            self._postgres = installed(folder)
        except NoPostgresError as error:
            self._without = str(error)

    async def run(self, config: Path) -> None:
        """First sidewatch; when it serves, the performance; when that ends, sidewatch too.

        The databases start beside it: nothing waits for them, and they end last.
        """
        self._end_when_told()
        plan = load(config)
        self.logs.begin(LOGS)
        await self.health.open()
        running = Running(plan, self._clock, lambda: load(config))
        databases = asyncio.create_task(self._keep_databases(running))
        stop = asyncio.Event()
        performances: list[asyncio.Task[None]] = []

        def started(server: Server) -> None:
            task = asyncio.create_task(self._perform(server.url))
            task.add_done_callback(lambda _: stop.set())
            performances.append(task)

        try:
            await running.run(stop, started)
        finally:
            for one in (*performances, databases):
                one.cancel()
            await asyncio.gather(*performances, databases, return_exceptions=True)
            self.logs.close()
            self.health.close()
        for one in (*performances, databases):
            if not one.cancelled():
                one.result()

    async def _keep_databases(self, running: Running) -> None:
        """Have them where they can be had; when they are there, sidewatch is told of them."""

        def ready() -> None:
            self.configure(databases=True, bases=self.health.bases())
            running.reload()

        if self._postgres is None:
            self.writers.close()
            return
        try:
            await keep(self._postgres, self.folder, self.writers, ready)
        except NoPostgresError as error:
            self.complaints.write(str(error))
        except LOST as error:
            self.complaints.write(f"The demo's database is gone: {error}")

    async def _keep_alerts(self, url: str) -> None:
        """Have Prometheus and Alertmanager where they can be had; the demo goes on without them."""
        try:
            await self.alerts.keep(url.removeprefix("http://"))
        except NoPagerError as error:
            self.complaints.write(str(error))
        await self._until_told()

    async def _until_told(self) -> None:
        await self._ended.wait()

    def _end_when_told(self) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._ended.set)
        if self.options.seconds is not None:
            loop.call_later(self.options.seconds, self._ended.set)

    async def _perform(self, url: str) -> None:
        """Play and tell until told to end. Raises what either does."""
        self._open(url)
        tasks = [asyncio.create_task(self._keep_alerts(url))]
        try:
            await self._until_shown(url)
            self.timeline.begin()
            acts = (self._play(), self._back_up(), self._tell(url), self._until_told())
            tasks += [asyncio.create_task(act) for act in acts]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()
        await self._close(url)

    async def _until_shown(self, url: str) -> None:
        """Wait until each service stands in /metrics at 0, so that its first lines are a rise.

        And until somebody who is to see that rise looks there.
        """
        for _ in range(PATIENCE):
            await asyncio.sleep(0.1)
            page = await self._scrape(url)
            shown = len(page.find("watched_log_lines_total")) == SERVICES
            if self._ended.is_set() or (shown and self.alerts.settled):
                break

    async def _play(self) -> None:
        """Have each thing happen when it is due."""
        for one in play(self.options.seed):
            if (left := self.timeline.left(one.at)) > 0:
                await asyncio.sleep(left)
            if isinstance(one, Deed):
                self.writers.take(one)
            else:
                self.logs.write(one, self._clock.now())

    async def _back_up(self) -> None:
        """Have each backup written when it is due."""
        for dump in dumps(SCRIPT):
            await asyncio.sleep(max(0.0, self.timeline.left(dump.at)))
            write(self.folder / "backups", dump)

    async def _tell(self, url: str) -> None:
        """Read /metrics back and tell of it, moment after moment."""
        left, speaker = self.timeline.left, voice(self._listener)
        moment = FAST_MOMENT if self.options.fast else MOMENT
        for span in spans():
            self.health.scene = span.scene
            while left(span.end) > 0:
                page = await self._scrape(url)
                at = self._clock.now()
                self.memory.take(page, at)
                begun, ceased = self.board.take(list(alarms(self.memory)), at)
                told = Told(self.alerts.inbox.take(), self.complaints.take())
                if not self.alerts.up:  # with them nobody has to guess
                    told = replace(told, begun=tuple(begun), ceased=tuple(ceased))
                speaker.tell(Moment(span, max(0.0, left(span.end)), page, at, told), self.board)
                await asyncio.sleep(min(moment, max(0.0, left(span.end))))

    async def _scrape(self, url: str) -> Page:
        """The newest page, or the one before where there was no answer."""
        try:
            return await asyncio.to_thread(fetch, url)
        except (OSError, http.client.HTTPException) as error:
            self.complaints.write(f"no answer from {url}/metrics: {error}")
            return self.memory.page

    # -- first and last words -----------------------------------------------------------------

    def say(self, *lines: str) -> None:
        """Tell lines."""
        for line in lines:
            self._listener.hear(f"{line}\n")

    def _open(self, url: str) -> None:
        self.say(
            f"Metrics: {url}/metrics",
            "pullapprove and kodiai are simulated, their log formats and sidewatch are real.",
            f"A minute of theirs lasts {self.timeline.minute:g} s. Logs, state and all else: "
            f"{self.folder}",
            self._word_of_postgres(),
            f"Backups of pullapprove: {self.folder / 'backups'}",
            "Their health: {pullapprove}/up/, {kodiai}/readiness".format(**self.health.bases()),
            *self.alerts.words(),
        )
        self.say("Ctrl-C ends it.", "")

    def _word_of_postgres(self) -> str:
        if self._postgres is None:
            return self._without
        psql = self._postgres.binaries / "psql"
        first, *others = APPS
        look = f"{psql} -h {self.folder} -U {WATCHER} {first}"
        return f"A look into their databases: {look} (or {', '.join(others)})"

    async def _close(self, url: str) -> None:
        """Say how many lines were written and counted; the last ones may need a moment."""
        written = self.logs.lines.total()
        now = asyncio.get_running_loop().time
        until = now() + LAST_COUNT_SECONDS
        while (counted := (await self._scrape(url)).total("watched_log_lines_total")) != written:
            if now() > until:
                break
            await asyncio.sleep(0.2)
        self.say(
            "",
            f"The applications wrote {written} lines, through {self.logs.rotations} rotations of "
            f"their logs; sidewatch counted {whole(counted)}.",
        )
