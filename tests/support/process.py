"""A program run beside the tests: its output kept, shown when it fails, ended when done."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import wait_for


@dataclass(frozen=True)
class Running:
    """A child process and the file that both its outputs go to."""

    process: subprocess.Popen[bytes]
    log: Path

    def output(self) -> str:
        """All that it has printed so far."""
        return self.log.read_text(errors="replace")

    def alive(self) -> bool:
        """That it still runs; an AssertionError if it ended."""
        code = self.process.poll()
        assert code is None, f"{self.process.args!r} ended with {code}"
        return True

    def stop(self, *, within: float = 10.0) -> int:
        """SIGTERM, and SIGKILL for one that does not listen; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def start(
    command: Sequence[str | Path],
    log: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Running:
    """Start `command` without standard input; `env` is added to the environment of the tests."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(env or {})},
        )
    return Running(process, log)


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    ready: Callable[[], bool],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    within: float = 20.0,
) -> Iterator[Running]:
    """A program from when it is `ready` until the block is left; its output in every failure."""
    child = start(command, log, cwd=cwd, env=env)
    try:
        wait_for(lambda: child.alive() and ready(), f"{command[0]} to be ready", within=within)
        yield child
    except BaseException as error:
        error.add_note(f"--- {log.name} ---\n{child.output()}")
        raise
    finally:
        child.stop()
