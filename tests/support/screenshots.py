"""`./run screenshots`: draw every panel, see that none is empty, make the pictures of README.md.

Drawn is all that tests/test_dashboards_data.py asks for, so that each panel has something to show;
then the demo alone, and of each dashboard the panels for which it has something.
"""

from __future__ import annotations

import asyncio
import copy
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dashboards.render.browser import Browser, browser
from dashboards.render.bundle import bundle
from dashboards.render.drawing import WIDTH, View, drawn, served
from exporter.demo.hurried import hurried_rules
from tests.support.panels import dashboards, panels
from tests.support.parts import Parts
from tests.support.showing import showing

PICTURES = Path(__file__).parents[2] / "docs" / "screenshots"
MINUTE = 1 / 60  # the demo in a hurry: a minute of the applications is a second
PROOF_SECONDS, DEMO_SECONDS = 90.0, 180.0
LENGTHS = {"__rate_interval": "5s", "__range": "200s", "__interval": "1s", "all": ".+"}
CHOSEN = {"Data source": "Prometheus", "Job": "All", "Instance": "All", "Application": "All"}
HIGHEST = 40  # of a picture, in units of the grid


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"== {text}", file=sys.stderr, flush=True)  # noqa: T201  # a command prints


async def proved(page: Browser, folder: Path, address: str) -> list[str]:
    """The panels that show nothing, with all that there is to show."""
    with tempfile.TemporaryDirectory() as own, showing(Parts(), Path(own), MINUTE) as prometheus:
        await _play(PROOF_SECONDS, "everything that the dashboards show")
        empty = []
        for uid, one in _hurried().items():
            found = await drawn(page, folder, address, one, _view(prometheus.url, PROOF_SECONDS))
            wanted = {panel["title"] for panel in panels(one)}
            empty += [f"{uid}: {title}" for title in wanted if found.get(title, 0) <= 0]
            say(f"{uid}: {len(found)} panels are drawn")
    return sorted(empty)


async def pictured(page: Browser, folder: Path, address: str) -> None:
    """Write a picture of each dashboard, as far as the demo fills it."""
    PICTURES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as own,
        showing(Parts(), Path(own), MINUTE, alone=True) as prometheus,
    ):
        await _play(DEMO_SECONDS, "the demo")
        for uid, one in _hurried().items():
            whole = _view(prometheus.url, DEMO_SECONDS - 40)
            found = await drawn(page, folder, address, one, whole)
            only = tuple(_filled(one, found))
            await drawn(page, folder, address, one, _view(prometheus.url, DEMO_SECONDS - 40, only))
            path = PICTURES / f"{uid.removeprefix('sidewatch-')}.png"
            path.write_bytes(await page.picture(WIDTH))
            say(str(path))


def _hurried() -> Mapping[str, Mapping[str, Any]]:
    """The dashboards, looking back for a share of their times, as the rules do."""
    found = copy.deepcopy(dict(dashboards()))
    for one in found.values():
        for panel in panels(one):
            for target in panel["targets"]:
                target["expr"] = hurried_rules(target["expr"], MINUTE)
    return found


async def _play(seconds: float, what: str) -> None:
    say(f"{what}: {seconds:g} s")
    await asyncio.sleep(seconds)


def _view(prometheus: str, seconds: float, only: Sequence[str] = ()) -> View:
    now = time.time()
    return View(prometheus, now - seconds, now, LENGTHS, CHOSEN, only)


def _filled(dashboard: Mapping[str, Any], found: Mapping[str, int]) -> Iterator[str]:
    """The panels that show something, and their headings, until the picture is high enough."""
    heading, x, height = "", 0, 0
    for one in dashboard["panels"]:
        if one["type"] == "row":
            if one.get("collapsed") or height >= HIGHEST:
                return
            heading, x = one["title"], 0
        elif found.get(one["title"], 0) > 0:
            if heading:
                yield heading
                heading = ""
            if x == 0:
                height += one["gridPos"]["h"]
            x = (x + one["gridPos"]["w"]) % 24
            yield one["title"]


async def main() -> int:
    """0 if no panel is empty."""
    with tempfile.TemporaryDirectory() as own:
        folder = Path(own)
        say("bundling Grafana's components")
        bundle(folder)
        with served(folder) as address:
            async with browser(WIDTH, 1000) as page:
                empty = await proved(page, folder, address)
                await pictured(page, folder, address)
    for one in empty:
        say(f"EMPTY: {one}")
    return 1 if empty else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
