"""Programs that the demo starts beside itself, and that end when it does, however that ends.

The kernel signals them when their parent dies, so none outlives a demo that was killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

END_SECONDS = 5.0

# The signal of the parent's death is set when the parent may be dead already. So look, after that.
IF_PARENT_LIVES = '[ "$PPID" = "$0" ] && exec "$@"'


def ending_with_us(setpriv: str, number: str) -> tuple[str, ...]:
    """What stands before a command so that it gets a signal when we are gone.

    Linux sends it when the *thread* ends that started the process: start it in the main one.
    """
    return (setpriv, "--pdeathsig", number, "sh", "-c", IF_PARENT_LIVES, str(os.getpid()))


@asynccontextmanager
async def child(
    command: Sequence[str], folder: Path, log: Path, end: signal.Signals
) -> AsyncIterator[Process]:
    """A program whose words go to a file; in a session of its own, so that Ctrl-C is only ours.

    It is ended with the block, by `end` and then by what cannot be refused. Raises OSError where it
    cannot be started.
    """
    with log.open("ab") as words:
        process = await create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=words,
            stderr=words,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await _end(process, end)


def last_word(log: Path) -> str:
    """The last line that a program wrote."""
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it says nothing")


def _environment() -> Mapping[str, str]:
    """None of ours: PGPORT, LC_ALL and others mean something to some."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


async def _end(process: Process, first: signal.Signals) -> None:
    """End it and what it started."""
    for number in (first, signal.SIGKILL):
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await process.wait()
