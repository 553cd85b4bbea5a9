"""What the worlds of all kinds of sources have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.support.told import Told

PATIENCE = 150.0  # many worlds on a slow machine, and a daemon that waits before it tries again

# Minutes since a fault begins, and what then happens.
Happening = tuple[int, Callable[[], Awaitable[None]]]


@dataclass(frozen=True)
class Given:
    """What a world is made of: an application's profile, its own part of a signal's file, a folder.

    `server` is what worlds of this kind share, where they share one.
    """

    app: str
    part: Mapping[str, Any]
    folder: Path
    server: Any = None


class World(Protocol):
    """An application that is well, as one kind of source sees it, until its fault happens."""

    def settings(self) -> Mapping[str, Any]:
        """How sidewatch is told of it: keys of an application in sidewatch.yaml."""

    def course(self) -> Sequence[Happening]:
        """What happens to it, in order."""

    def looked(self, one: Told) -> bool:
        """Whether all that is so now is known."""

    @property
    def goes_on(self) -> int:
        """Minutes for which `go_on` stands; 0 while all stands still."""

    async def go_on(self) -> None:
        """Let happen what happens all the time."""
