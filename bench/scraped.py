"""Whole scrapes and saves of very many series, and for how long they hold up the event loop.

Everything is real but the time: endpoint, client (in another process), saver, files. The loop that
the sources need, too, is watched in two ways: by the clock of a task that wants to run every few
milliseconds, and by the work that the loop itself did between two such ticks.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from report import spread, table

from tests.support.crowd import FORMS, TICK, Crowd, crowd, holding

ROUNDS = 5
WATCHED = f"A tick every {TICK * 1e3:g} ms; every number moves between two rounds"
BUSY = "A save took too long: the machine is too busy for these figures."
Row = tuple[str, ...]


def scrapes(apps: int, lines: int) -> str:
    """A table of scrapes in the states that series may be in."""
    heads = ("", "answered, ms", "loop held up, ms", "its own work, ms", "body, kB")
    return (
        f"{apps} x {lines} lines. {WATCHED}.\n\n{table(heads, asyncio.run(_scrapes(apps, lines)))}"
    )


def saves(sizes: list[tuple[int, int]]) -> str:
    """A table of saves, by applications and lines of each."""
    heads = ("applications x lines", "saved in, ms", "loop held up, ms", "its own work, ms")
    rows = [row for size in sizes for row in asyncio.run(_saves(*size))]
    return f"{WATCHED}.\n\n{table(heads, rows)}"


async def _scrapes(apps: int, lines: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(Path(folder), apps, lines) as made:

            async def rows(what: str, form: str = "text, gzip", rounds: int = ROUNDS) -> Row:
                sizes = []

                async def scrape() -> float:
                    seconds, size = await made.scrape(FORMS[form])
                    sizes.append(size)
                    return seconds

                return (what, *await _held(made, scrape, rounds), f"{sizes[-1] / 1000:.0f}")

            found = [
                (*await _idle(), "-"),
                await rows("all are born (text, gzip)", rounds=1),
                await rows("while they are (text, gzip)"),
            ]
            made.clock.advance(31)
            found += [await rows(form, form) for form in FORMS]
            made.behind(90)
            found.append(await rows("catching up (text, gzip)"))
            assert not made.saver.degraded, BUSY
            return found


async def _saves(apps: int, lines: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(Path(folder), apps, lines) as made:
            size, found = f"{apps} x {lines}", [await _idle()]
            for what, sync, rounds in (
                (f"{size}, the first", False, 1),
                (size, False, ROUNDS),
                (f"{size}, with fsync", True, ROUNDS),
            ):

                async def save(sync: bool = sync) -> float:  # noqa: FBT001  bound here
                    before = time.perf_counter()
                    assert await made.saver.save(sync=sync), BUSY
                    return time.perf_counter() - before

                found.append((what, *await _held(made, save, rounds)))
            return found


async def _idle() -> Row:
    async with holding() as held:
        await asyncio.sleep(1.0)
    return "nothing happens", "-", _worst([max(held.waited)]), _worst([max(held.worked)])


async def _held(made: Crowd, work: Callable[[], Awaitable[float]], rounds: int) -> Row:
    """How long it took, and the longest that it held up the loop; all of some rounds."""
    took, waited, worked = [], [], []
    for _ in range(rounds):
        made.clock.advance(2)
        made.move()
        gc.collect()
        async with holding() as held:
            took.append(await work())
        waited.append(max(held.waited))
        worked.append(max(held.worked))
    return _worst(took), _worst(waited), _worst(worked)


def _worst(seconds: list[float]) -> str:
    return spread([each * 1e3 for each in seconds])
