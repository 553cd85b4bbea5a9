"""A cancel is heeded at whatever moment it comes; else a source that is to end would go on."""

from __future__ import annotations

import ast
import asyncio
from asyncio.subprocess import Process
from pathlib import Path
from typing import cast

from exporter.sources import journald


def test_nothing_waits_by_what_may_lose_a_cancel() -> None:
    """wait_for of Python 3.11 loses one that meets what it waits for; asyncio.timeout does not."""
    assert not [
        f"{path}:{node.lineno}"
        for path in (Path(__file__).parents[1] / "exporter").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "wait_for"
    ]


class Ending:
    """A process that ends when it is told to."""

    def __init__(self) -> None:
        self.returncode: int | None = None
        self.ended = asyncio.Event()

    def terminate(self) -> None:
        """It takes its time."""

    async def wait(self) -> int:
        await self.ended.wait()
        self.returncode = 0
        return 0


async def test_a_cancel_that_meets_the_end_of_journalctl_is_not_lost() -> None:
    process = Ending()
    task = asyncio.create_task(journald._end(cast(Process, process)))
    await asyncio.sleep(0.01)
    process.ended.set()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
