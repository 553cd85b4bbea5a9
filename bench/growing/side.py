"""The real `sidewatch run`, started with a configuration and measured from outside."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from growing.measure import Page, cpu_seconds, total
from tests.support import costs
from tests.support.process import Running, running
from tests.support.waiting import free_port, wait_for

ROOT = Path(__file__).parents[2]
LINES = "watched_log_lines_total"
LOOK, LOOKS, QUIET = 0.02, 6, 0.03  # seconds, how often, and which share of a core is no work
WORK = 0.001  # CPU seconds: less is none
PATIENCE = 300.0  # seconds that something may take
APART = 1.05  # seconds from a scrape to one that is sure to see what came since


@dataclass
class Side:
    """One sidewatch that runs, in a folder of its own."""

    folder: Path
    child: Running
    page: Page
    _scraped: float = -math.inf

    @property
    def pid(self) -> int:
        return self.child.process.pid

    def ready(self, shows: Callable[[str], bool] = bool) -> None:
        """Wait until its page shows this."""
        wait_for(
            lambda: self.child.alive() and shows(self.page.get()),
            f"{self.folder.name} to be ready",
            within=120,
            every=0.2,
        )

    def cpu(self) -> float:
        """CPU seconds since its start."""
        return cpu_seconds(self.pid)

    def memory(self) -> float:
        """MiB."""
        return costs.pss(self.pid)

    def threads(self) -> int:
        return costs.threads(self.pid)

    def scrape(self) -> float:
        """Milliseconds until the page is there."""
        self.page.get()
        return self.page.times[-1] * 1e3

    def fresh(self) -> str:
        """Its page, late enough after the one before to see what is new."""
        time.sleep(max(0.0, self._scraped + APART - time.monotonic()))
        self._scraped = time.monotonic()
        return self.page.get()

    def behind(self) -> float:
        """How many bytes of logs it shows as unread."""
        return total(self.fresh(), "sidewatch_source_lag_bytes")

    def counted(self, lines: int) -> None:
        """Hold that it has counted so many lines, which it shows half a minute after the first."""
        wait_for(
            lambda: total(self.fresh(), LINES) >= lines, f"{lines} lines", within=60, every=0.5
        )
        shown = total(self.page.get(), LINES)
        if shown != lines:
            raise AssertionError(f"{self.folder.name} counted {shown:g} of {lines} lines")

    def settled(self, since: float = -math.inf) -> float:
        """Its CPU seconds once it has nothing to do."""
        return self.worked(since)[0]

    def worked(self, since: float = -math.inf) -> tuple[float, float]:
        """The same, and until when it had something to do, by time.perf_counter.

        Where it is sure to have something to do since it had used `since`, that is waited for.
        """
        deadline, before = time.perf_counter() + PATIENCE, self.cpu()
        busy = time.perf_counter()
        while time.perf_counter() < deadline:
            time.sleep(LOOK)
            now, at = self.cpu(), time.perf_counter()
            if now - before >= LOOK * QUIET or now - since < WORK:
                busy = at
            elif at - busy >= LOOKS * LOOK:
                return now, busy
            before = now
        raise AssertionError(f"{self.folder.name} has been at work for {PATIENCE:g} s")


@contextmanager
def sidewatch(folder: Path, config: str) -> Iterator[Side]:
    """A sidewatch that was started; `ready` is to be waited for before it is asked.

    So several start side by side.
    """
    folder.mkdir(parents=True)
    (folder / "sidewatch.yaml").write_text(config)
    port = free_port()
    command = [sys.executable, "-m", "exporter", "run", "--config", "sidewatch.yaml"]
    page = Page(port)
    with running(command, folder / "log", lambda: True, cwd=folder, env=environment(port)) as child:
        try:
            yield Side(folder, child, page)
        finally:
            page.close()


def environment(port: int) -> Mapping[str, str]:
    """What it is started with."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {"SIDEWATCH_LISTEN": f"127.0.0.1:{port}", "PYTHONPATH": path}
