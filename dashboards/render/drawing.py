"""A dashboard, a Prometheus and a page: what each panel shows there, and its picture."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dashboards.render.browser import Browser

WIDTH = 1600
PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<link rel="stylesheet" href="/page.css"><style>body {{ margin: 0; overflow: hidden }}</style>
<div id="page"></div>
<script>window.__grafana_public_path__ = '/public/'; window.told = {told}</script>
<script src="/page.js"></script>
"""


@dataclass(frozen=True)
class View:
    """Where Prometheus is, which seconds are looked at, and what stands for variables.

    `only`: titles of panels and rows, in the dashboard's order; all of them where it is empty.
    """

    prometheus: str
    begin: float
    end: float
    given: Mapping[str, str]
    chosen: Mapping[str, str]
    only: Sequence[str] = ()

    @property
    def step(self) -> float:
        """Seconds between two points of a line."""
        return max(1.0, round((self.end - self.begin) / 400))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """What is in a folder, and pages that come into it: the address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


async def drawn(
    browser: Browser, folder: Path, address: str, dashboard: Mapping[str, Any], view: View
) -> Mapping[str, int]:
    """Draw it; how many numbers each panel shows, by its title. `folder` is what is served."""
    told = {
        "dashboard": dashboard,
        "answers": {
            "url": view.prometheus,
            "given": view.given,
            "from": view.begin,
            "to": view.end,
            "step": view.step,
        },
        "chosen": view.chosen,
        "only": view.only,
    }
    text = json.dumps(told).replace("</", "<\\/")
    name = f"{dashboard['uid']}.html"
    (folder / name).write_text(PAGE.format(title=dashboard["title"], told=text))
    await browser.open(f"{address}/{name}", "window.ready === true")
    found: Mapping[str, int] = await browser.ask("window.drawn")
    return found
