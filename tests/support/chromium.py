"""A real headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.parts import Parts
from tests.support.process import running

PATIENCE = 30.0


@dataclass
class Tab:
    """One page. `told` are the complaints of the browser: errors, policy violations, console."""

    socket: aiohttp.ClientWebSocketResponse
    session: str
    told: list[str] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _loaded: bool = False

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command's result; an AssertionError where the browser refuses it."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        await self.socket.send_str(json.dumps(message))
        while True:
            answer = await self.receive()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                found: dict[str, Any] = answer["result"]
                return found

    async def receive(self) -> dict[str, Any]:
        """The next message; events are noted."""
        answer: dict[str, Any] = await self.socket.receive_json(timeout=PATIENCE)
        method, given = answer.get("method"), answer.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.told.append(given["exceptionDetails"].get("text", "exception"))
        elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.told.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled":
            self.told.append(f"console: {given['args']}")
        elif method == "Page.loadEventFired":
            self._loaded = True
        return answer

    async def open(self, url: str) -> None:
        """Go there and wait until all is loaded."""
        self._loaded = False
        answer = await self.call("Page.navigate", url=url)
        assert "errorText" not in answer, answer
        while not self._loaded:
            await self.receive()

    async def ask(self, expression: str) -> Any:
        """The value of an expression of JavaScript; promises are awaited."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until the expression is true."""
        async with asyncio.timeout(PATIENCE):
            await self.ask(
                "new Promise(done => { const look = () => { if (" + expression + ") done();"
                " else setTimeout(look, 50); }; look(); })"
            )

    async def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """Show the page on a screen of this size."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=phone,
        )  # fmt: skip

    async def scheme(self, name: str) -> None:
        """Prefer "light" or "dark"."""
        feature = {"name": "prefers-color-scheme", "value": name}
        await self.call("Emulation.setEmulatedMedia", features=[feature])

    async def picture(self) -> bytes:
        """All of the page as a PNG."""
        answer = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])


@contextmanager
def chromium(parts: Parts, folder: Path) -> Iterator[str]:
    """A fresh browser; the address at which it is driven."""
    command = [
        str(parts.need("chromium")), "--headless=new", "--disable-gpu", "--no-first-run",
        "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
        "--no-proxy-server", "--remote-debugging-port=0", f"--user-data-dir={folder}/profile",
    ]  # fmt: skip
    if os.geteuid() == 0:
        command.append("--no-sandbox")  # which root may not have
    told = folder / "profile" / "DevToolsActivePort"

    def address() -> str:
        port, path = told.read_text().split() if told.exists() else ("", "")
        return port and f"ws://127.0.0.1:{port}{path}"

    with running([*command, "about:blank"], folder / "chromium.log", lambda: bool(address())):
        yield address()


@asynccontextmanager
async def tab(address: str, *, scripts: bool = True) -> AsyncIterator[Tab]:
    """A page that shares nothing; without `scripts`, as for somebody who switched them off."""
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(address, max_msg_size=0) as socket,
    ):
        browser = Tab(socket, "")
        context = await browser.call("Target.createBrowserContext", disposeOnDetach=True)
        target = await browser.call("Target.createTarget", url="about:blank", **context)
        session = await browser.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        found = Tab(socket, session["sessionId"])
        for domain in ("Page", "Runtime", "Log"):
            await found.call(f"{domain}.enable")
        await found.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        yield found
