"""A headless Chromium, led by its own protocol: one page after another, looked at and pictured."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

PATIENCE = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome")
PORT_FILE = "DevToolsActivePort"


@dataclass
class Browser:
    """One page of it."""

    socket: aiohttp.ClientWebSocketResponse
    session: str
    numbers: count[int] = field(default_factory=count)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Have something done, and its answer. Raises RuntimeError where it is refused."""
        number = next(self.numbers)
        asked = {"id": number, "method": method, "params": parameters}
        if self.session:
            asked["sessionId"] = self.session
        await self.socket.send_json(asked)
        async with asyncio.timeout(PATIENCE):
            while (told := json.loads(await self.socket.receive_str())).get("id") != number:
                pass
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']}")
        answer: dict[str, Any] = told["result"]
        return answer

    async def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    async def open(self, url: str, ready: str) -> None:
        """Open a page, and wait until this expression is true in it."""
        await self.call("Page.navigate", url=url)
        async with asyncio.timeout(PATIENCE):
            while not await self.ask(ready):  # noqa: ASYNC110  # a page sends no event of ours
                await asyncio.sleep(0.1)

    async def picture(self, width: int) -> bytes:
        """The whole page, this many pixels wide, as PNG."""
        height = await self.ask("document.getElementById('page').offsetHeight")
        size = {"width": width, "height": height}
        await self.call(
            "Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False
        )
        clip = {"x": 0, "y": 0, **size, "scale": 1}
        taken = await self.call("Page.captureScreenshot", format="png", clip=clip)
        return base64.b64decode(taken["data"])


@asynccontextmanager
async def browser(width: int, height: int) -> AsyncIterator[Browser]:
    """One with a window of this size, until the block is left."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise RuntimeError(
            f"there is none of {', '.join(NAMES)}; on Debian: apt-get install chromium"
        )
    profile = Path(tempfile.mkdtemp(prefix="sidewatch-browser-"))
    words = (
        "--headless=new",
        "--no-sandbox",  # it opens pages of our own alone, and may run as root
        "--disable-gpu",
        "--hide-scrollbars",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        f"--window-size={width},{height}",
        "about:blank",
    )
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(program, *words, stdout=quiet, stderr=quiet)
    try:
        address = await _address(profile)
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(address, max_msg_size=0) as socket,
        ):
            whole = Browser(socket, "")
            target = await whole.call("Target.createTarget", url="about:blank")
            attached = await whole.call(
                "Target.attachToTarget", targetId=target["targetId"], flatten=True
            )
            yield Browser(socket, attached["sessionId"], whole.numbers)
    finally:
        process.kill()
        await process.wait()
        shutil.rmtree(profile, ignore_errors=True)


async def _address(profile: Path) -> str:
    """Where it listens, which it writes into its profile."""
    async with asyncio.timeout(PATIENCE):
        while "\n" not in (told := _text(profile / PORT_FILE)):  # noqa: ASYNC110  # its own way
            await asyncio.sleep(0.1)
    port, path = told.splitlines()
    return f"ws://127.0.0.1:{port}{path}"


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
