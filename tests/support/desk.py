"""One application without sources: fed by hand, saved, scraped, killed; time is set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from exporter.app.assembly import assemble, declare
from exporter.clock import SetClock
from exporter.config import AppPlan, load_profile
from exporter.exposition import blocks, choose
from exporter.model import Cursor, Snapshot
from exporter.saving import Saver, take_up
from exporter.shard import Shard
from exporter.state import StateFile
from tests.support.scrape import Samples, metrics, one, samples

NOON = 1_795_000_000.0
SOURCE = "files:/var/log/shop.log"


async def at_once(job: Callable[[], None]) -> None:
    """A writer that needs no time."""
    job()


class Desk:
    """`log` is what the application wrote; a restart goes on where the saved cursor stands."""

    def __init__(self, folder: Path, plan: AppPlan | None = None, app: str = "shop") -> None:
        self.plan = plan or load_profile("pullapprove", app)
        self.clock = SetClock(NOON)
        self.file = StateFile(folder / "state", app)
        self.saver = Saver(self.clock, at_once)
        self.log = b""
        self._cursor: Cursor | None = None
        self.complaints: list[str] = []
        self.shard = self._taken_up()

    def restart(self, *, opening: bool = True) -> None:
        """After `kill -9`: nothing is left but the file. Without `opening` no source is up yet."""
        self.saver, self._cursor = Saver(self.clock, at_once), None
        self.shard = self._taken_up()
        if opening:
            self.open()

    def _taken_up(self) -> Shard:
        shard, complaints = take_up(lambda: assemble(self.plan, self.clock), self.file)
        self.complaints = complaints
        self.saver.add(shard, self.file)
        declare(shard, self.plan)
        return shard

    def open(self) -> Cursor:
        """Open the log, where that was not done, at the cursor that was saved."""
        if self._cursor is None:
            saved = self.shard.cursors(SOURCE)
            self._cursor = saved[0] if saved else Cursor("log", "web", "file")
            self.shard.open(SOURCE, self._cursor)
        return self._cursor

    def write(self, *lines: str) -> None:
        """The application logs; nobody reads yet."""
        self.log += "".join(f"{line}\n" for line in lines).encode()

    def read(self) -> None:
        """Read to the end."""
        cursor = self.open()
        self.shard.feed(cursor, self.log[cursor.offset :])

    def says(self, *lines: str) -> None:
        """The application logs, and it is read."""
        self.write(*lines)
        self.read()

    async def scrape(self, name: str = "watched_log_lines_total", **labels: str) -> float | None:
        """What a scrape shows of one series now; None where it is not shown."""
        labels = labels or {"service": "web", "stream": "file"}
        return (await self.page()).get(one(name, app=self.file.app, **labels))

    async def page(self) -> Samples:
        """All that a scrape shows."""
        return shown(await self.saver.expose())

    async def settle(self) -> None:
        """Scrape until every birth is over."""
        await self.scrape()
        self.clock.advance(31)
        await self.scrape()

    def saved(self) -> Samples:
        """What another process would show that starts now."""
        shard, _ = take_up(lambda: assemble(self.plan, self.clock), self.file)
        return shown([shard.snapshot(final=True)])


def shown(snapshots: Sequence[Snapshot]) -> Samples:
    """The samples of a scrape, read back by prometheus_client."""
    form = choose(None)
    return samples(metrics(b"".join(blocks(snapshots, form)), form))


def started(job: str, queue: str = "default") -> str:
    """A line of the form of the project's seed samples."""
    return f'[INFO] Executing job job_class="{job}" job_queue={queue}'


def lines(count: int) -> Iterable[str]:
    """Lines that move one series more than the counters of lines and records."""
    return (started("app.jobs.Mail") for _ in range(count))
