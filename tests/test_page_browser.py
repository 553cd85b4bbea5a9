"""The status page in a real Chromium: looks, live updates, and attacks that come to nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from exporter.app.running import Running
from exporter.clock import WallClock
from exporter.config import load
from exporter.page.render import POLICY, render
from exporter.page.view import View
from exporter.server import Page, Server, serve
from tests.support.chromium import Tab, chromium, tab
from tests.support.node import Node
from tests.support.pages import busy, hostile
from tests.support.parts import Parts

ATTACK = (
    "</pre></code></script><script>window.pwned=1</script><img src=x onerror='window.pwned=1'>"
    '<svg onload=window.pwned=1><a href="javascript:window.pwned=1" autofocus'
    ' onfocus=\'window.pwned=1\'>x</a>" onmouseover="window.pwned=1" style="color:red'
)
PHONE, DESK = (390, 844), (1280, 900)


@pytest.fixture(scope="module")
def browser(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chromium(parts, tmp_path_factory.mktemp("chromium")) as address:
        yield address


@asynccontextmanager
async def served(view: list[View]) -> AsyncIterator[Server]:
    """A server of the last of these views."""

    async def page(_: bool) -> Page:  # noqa: FBT001 - the server's word for it
        return Page(POLICY, lambda: render(view[-1]))

    async def expose() -> list[Any]:
        return []

    def failed(error: Exception) -> None:
        raise error

    async with serve(
        "127.0.0.1:0", expose=expose, ready=tuple, page=page, on_error=failed
    ) as server:
        yield server


async def text(page: Tab) -> str:
    return str(await page.ask("document.body.innerText"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_axe_finds_nothing(
    browser: str, node: Node, scheme: str, size: tuple[int, int]
) -> None:
    node.note("axe-core")
    axe = (node.modules / "axe-core" / "axe.min.js").read_text()
    async with served([busy()]) as server, tab(browser) as page:
        await page.size(*size, phone=size == PHONE)
        await page.scheme(scheme)
        await page.open(server.url)
        await page.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
        await page.ask(f"{axe};0")
        found = await page.ask("axe.run().then(JSON.stringify)")
        broken = [(one["id"], one["nodes"][0]["html"]) for one in json.loads(found)["violations"]]
        assert broken == []
        assert len(json.loads(found)["passes"]) > 20
        wide = await page.ask("document.documentElement.scrollWidth > innerWidth")
        assert not wide, "nothing has to be scrolled sideways"
        assert not page.told


async def test_it_is_drawn_in_both_schemes(browser: str) -> None:
    """A picture that is all of one colour shows nothing."""
    async with served([busy()]) as server, tab(browser) as page:
        pictures = []
        for scheme in ("light", "dark"):
            await page.scheme(scheme)
            await page.open(server.url)
            pictures.append(await page.picture())
            ground = await page.ask("getComputedStyle(document.body).backgroundColor")
            assert ground == {"light": "rgb(251, 250, 248)", "dark": "rgb(22, 24, 28)"}[scheme]
            line = await page.ask("document.querySelector('svg polyline').getBBox().width")
            assert line > 50
        assert min(map(len, pictures)) > 20_000


async def test_without_scripts_all_is_there_but_updates(browser: str) -> None:
    async with served([busy()]) as server, tab(browser, scripts=False) as page:
        await page.open(server.url)
        shown = await text(page)
        for words in (
            "3 things need a look",
            "pullapprove",
            "12 ready, 3 running",
            "Reload the page",
        ):
            assert words in shown
        assert "Pause updates" not in shown


async def test_nothing_hostile_runs(browser: str) -> None:
    async with served([hostile(ATTACK)]) as server, tab(browser) as page:
        await page.open(server.url)
        for _ in range(2):  # as it came, and after it was put into the page by an update
            assert await page.ask("window.pwned") is None
            assert await page.ask("document.scripts.length") == 1
            assert await page.ask("document.images.length") == 0
            assert "<script>window.pwned=1</script>" in await text(page)
            await page.ask("document.getElementById('pause').click()")
            await page.ask("document.getElementById('pause').click()")
            await page.ask("new Promise(done => setTimeout(done, 300))")
        assert not page.told


async def test_the_policy_stops_what_would_run(browser: str) -> None:
    """Even if escaping were forgotten somewhere: here it is."""
    forgotten = render(busy()).replace("</main>", f"{ATTACK}</main>")

    async def page_of(_: bool) -> Page:  # noqa: FBT001 - the server's word for it
        return Page(POLICY, lambda: forgotten)

    async def expose() -> list[Any]:
        return []

    async with (
        serve("127.0.0.1:0", expose=expose, ready=tuple, page=page_of, on_error=print) as server,
        tab(browser) as page,
    ):
        await page.open(server.url)
        assert await page.ask("document.images.length") == 1
        assert await page.ask("window.pwned") is None
        assert any("Content Security Policy" in one for one in page.told)


async def test_updates_keep_what_a_reader_is_at(browser: str) -> None:
    views = [busy()]
    async with served(views) as server, tab(browser) as page:
        await page.size(1000, 500)
        await page.open(server.url)
        await page.ask("document.documentElement.style.scrollBehavior = 'auto'")
        await page.ask("document.querySelector('.errors details').open = true")
        await page.ask("document.querySelector('.errors details summary').focus()")
        await page.ask("window.node = document.activeElement; window.scrollTo(0, 700)")
        changed = replace(views[0].apps[1], name="tripl-2", problems=("another thing",))
        views.append(replace(views[0], apps=(views[0].apps[0], changed), complaints="", waiting=()))
        await page.until("document.body.innerText.includes('another thing')")
        assert await page.ask("document.activeElement === window.node")
        assert await page.ask("document.querySelector('.errors details').open")
        shown = await text(page)
        assert "tripl-2" in shown
        assert "paas" not in shown
        assert "no such key" not in shown
        assert await page.ask("document.title") == "(1) sidewatch"
        assert await page.ask("scrollY") > 0
        top = await page.ask("window.node.getBoundingClientRect().top")
        await page.ask("document.getElementById('pause').click()")
        views.append(busy())
        await page.ask("new Promise(done => setTimeout(done, 300))")
        assert "paas" not in await text(page), "paused"
        assert abs(top - await page.ask("window.node.getBoundingClientRect().top")) < 2


async def test_a_server_that_is_gone_is_told(browser: str) -> None:
    async with tab(browser) as page:
        async with served([busy()]) as server:
            await page.open(server.url)
        await page.until("document.body.innerText.includes('sidewatch does not answer')")
        assert "pullapprove" in await text(page)


async def test_all_can_be_reached_by_keyboard(browser: str) -> None:
    async with served([busy()]) as server, tab(browser) as page:
        await page.open(server.url)
        reached = []
        for _ in range(12):
            for kind in ("rawKeyDown", "keyUp"):
                await page.call(
                    "Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9
                )
            reached.append(await page.ask("document.activeElement.nodeName"))
            outline = await page.ask("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid"
        assert {"BUTTON", "A", "SUMMARY", "PRE"} <= set(reached)


async def test_a_whole_sidewatch_shows_what_its_logs_say(browser: str, tmp_path: Path) -> None:
    """Lines, hostile and secret ones, from the file to the browser."""
    config, log = tmp_path / "sidewatch.yaml", tmp_path / "shop.log"
    config.write_text(
        "listen: 127.0.0.1:0\napps: [{name: shop, logs: [{files: shop.log, service: web}]}]\n"
    )
    log.write_text("")
    running, stop = Running(load(config), WallClock(), lambda: load(config)), asyncio.Event()
    ready: asyncio.Future[Server] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(running.run(stop, ready.set_result))
    try:
        server = await ready
        async with tab(browser) as page:
            await page.open(server.url)
            assert "Nothing needs a look" in await text(page)
            message = f"job 7 failed: {ATTACK} password=hunter2"
            with log.open("a") as out:
                out.write(json.dumps({"level": 50, "time": 1795219172456, "msg": message}) + "\n")
                out.write("<b onclick>what is this</b> of ann@example.com\n")
            await page.until("document.body.innerText.includes('job 7 failed')")
            shown = await text(page)
            assert "onerror='window.pwned=1'" in shown
            assert "no known format" in shown
            assert "hunter2" not in shown
            assert "ann@example.com" not in shown
            assert await page.ask("window.pwned") is None
            assert not page.told
    finally:
        stop.set()
        await task
