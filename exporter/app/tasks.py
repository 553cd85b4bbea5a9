"""Work that goes on for as long as sidewatch does, and is missed where it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


def begun(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Work that nothing should be able to end: should it die, that is said."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("%s is dead: %r", task.get_name(), error, exc_info=error)
