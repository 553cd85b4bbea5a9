"""The command `sidewatch` with a trap in it: it kills itself, with SIGKILL, at a named point.

`python -m tests.support.trap run --config FILE`. In the environment: `TRAP=POINT:N` kills at the
N-th time that the point is passed; `BUG=NAME` plants one of the bugs that the harness must find.
Births and the pauses between saves are shortened, and a slow machine gets more patience: a save
that takes long suspends the promise, which is another test's subject.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Never

from exporter import saving
from exporter.__main__ import main
from exporter.model import Cursor, Snapshot
from exporter.registry import lives
from exporter.saving import Saver
from exporter.shard import Shard
from exporter.state import StateFile

POINTS = ("read | feed", "feed | save", "torn write", "write | rename", "rename | scrape")
BUGS = ("cursor saved before counters", "counters saved before cursor", "shown before saved")

BIRTH_SECONDS = 1.5
APART_SECONDS = 0.1
PATIENCE_SECONDS = 20.0


def _die() -> Never:
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit  # not reached; SIGKILL comes before the system call returns


class Trap:
    """Counts how often its point is passed, and kills at the `left`-th time."""

    def __init__(self, text: str) -> None:
        self.point, _, count = text.rpartition(":")
        self.left = int(count)

    def passed(self, point: str) -> None:
        """The program is at this point."""
        if point == self.point:
            self.left -= 1
            if self.left <= 0:
                _die()

    def lay(self) -> None:
        """Wrap the functions between which the points lie."""
        for kind, name, around in (
            (Shard, "feed", self._around_feed),
            (StateFile, "save", self._around_write),
            (Path, "replace", self._around_rename),
        ):
            _put(kind, name, around(getattr(kind, name)))

    def _around_feed(self, feed: Callable[..., int]) -> Callable[..., int]:
        def trapped(shard: Shard, cursor: Cursor, chunk: bytes) -> int:
            self.passed("read | feed")
            consumed = feed(shard, cursor, chunk)
            if consumed:
                self.passed("feed | save")
            return consumed

        return trapped

    def _around_write(self, save: Callable[..., None]) -> Callable[..., None]:
        def trapped(file: StateFile, state: dict[str, Any], *, sync: bool) -> None:
            if self.point == "torn write" and self.left == 1:
                whole = file.path.read_bytes() if file.path.exists() else b"sidewatch-state 2 "
                file.path.with_suffix(".state.new").write_bytes(whole[: len(whole) // 2])
            self.passed("torn write")
            save(file, state, sync=sync)

        return trapped

    def _around_rename(self, replace: Callable[..., Path]) -> Callable[..., Path]:
        def trapped(path: Path, target: Path) -> Path:
            if path.suffix != ".new":
                return replace(path, target)
            self.passed("write | rename")
            done = replace(path, target)
            self.passed("rename | scrape")
            return done

        return trapped


# -- planted bugs ---------------------------------------------------------------------------------


def _save_older(part: str) -> None:
    """Let each save hold this part of the state as it was at the save before."""
    dump: Callable[[Shard], dict[str, Any]] = Shard.dump
    before: dict[str, Any] = {}

    def spoiled(shard: Shard) -> dict[str, Any]:
        state = dump(shard)
        fresh = state[part]
        state[part] = before.get(shard.app, fresh)
        before[shard.app] = fresh
        return state

    _put(Shard, "dump", spoiled)


def _show_unsaved() -> None:
    async def expose(saver: Saver) -> Sequence[Snapshot]:
        return [one.shard.snapshot() for one in saver.kept]

    _put(Saver, "expose", expose)


def _put(kind: type, name: str, function: Callable[..., Any]) -> None:
    setattr(kind, name, function)


PLANT: Mapping[str, Callable[[], None]] = {
    BUGS[0]: lambda: _save_older("registry"),
    BUGS[1]: lambda: _save_older("readings"),
    BUGS[2]: _show_unsaved,
}


if __name__ == "__main__":
    lives.BIRTH_SECONDS = BIRTH_SECONDS
    saving.APART_SECONDS = APART_SECONDS
    saving.PATIENCE_SECONDS = PATIENCE_SECONDS
    if "BUG" in os.environ:
        PLANT[os.environ["BUG"]]()
    if "TRAP" in os.environ:
        Trap(os.environ["TRAP"]).lay()
    sys.exit(main())
