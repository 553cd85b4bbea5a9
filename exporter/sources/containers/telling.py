"""What a daemon said, shown and counted: gauges by what there is, counters by what happened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from exporter.clock import Clock
from exporter.errors import SourceError
from exporter.model import Board
from exporter.sources.containers.deploys import Deploys
from exporter.sources.containers.facts import Happened, Seen
from exporter.sources.containers.ledger import Ledger
from exporter.sources.containers.lives import End, Lives
from exporter.sources.containers.settings import Containers, Place
from exporter.sources.containers.shown import Key, Numbers, gauges, traits

KEPT_INTERVALS = 3
SILENT = frozenset({"kill", "oom"})  # they change nothing that is shown

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Telling:
    """All that is known of an application's containers. `now` is a clock that never goes back."""

    settings: Containers
    board: Board
    clock: Clock
    now: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    _listening: bool = False
    _deaf: bool = False
    _lives: Lives = field(init=False)
    _ledger: Ledger = field(init=False)
    _deploys: Deploys = field(init=False)
    _numbers: Numbers = field(default_factory=Numbers)
    _places: dict[str, Place] = field(default_factory=dict)
    _shown: dict[Key, float] = field(default_factory=dict)
    _born: set[str] = field(default_factory=set)
    _first: bool = field(init=False)
    _looked_at: float = field(init=False)
    _up: bool | None = None
    _said: str = ""

    def __post_init__(self) -> None:
        notes = self.board.recall(self.settings.name)
        self._lives = Lives.recall(notes, self.clock.now())
        self._ledger = Ledger(self.settings)
        self._ledger.recall(notes)
        self._deploys = Deploys(self.settings)
        self._deploys.recall(notes)
        self._first = not notes
        self._looked_at = self.now()

    @property
    def position(self) -> int:
        """The newest event that was taken, in nanoseconds since 1970."""
        return self._lives.position

    def declare(self) -> None:
        """Show what is known without asking."""
        labels = {"source": self.settings.name}
        self.board.put("sidewatch_source_interval_seconds", labels, self.settings.interval)
        self._ledger.show(self.board)
        self._show(traits(self.settings))

    # -- what there is ------------------------------------------------------------------------

    def found(self, found: list[Seen]) -> bool:
        """Show what a look has found, count what no event has told; whether one should have."""
        self._looked_at = self.now()
        self._tell_up(up=not self._deaf)
        self.board.looked(self.settings.name)
        self._places = {one.id: one.place for one in found}
        if self._first:
            self._first = False
            self._ledger.history(found)
            self._ledger.show(self.board)
        for one in found:
            self._meet(one)
        untold = list(self._lives.look(found, self.now(), listening=self._listening))
        self._end(untold)
        self._end(self._lives.settled(self.now()))
        self._deploy(found)
        self._ledger.forget(self.board, self.clock.now())
        self._show(gauges(self.settings, found, self._ledger, self._numbers))
        self._note()
        return self._listening and bool(untold)

    def _meet(self, one: Seen) -> None:
        """Note that there is such a service, and how often its container was started again."""
        service, count = one.place.service, self._lives.restarted(one)
        if one.meant_to_run:
            self._ledger.meet(service, self.clock.now())
        if count or service not in self._born:
            self._born.add(service)
            self.board.add("watched_container_restarts_total", {"service": service}, count)

    def _deploy(self, found: list[Seen]) -> None:
        """Let the quiet windows of what is replaced begin and end."""
        self._deploys.forget(self._ledger.services())
        for service in self._deploys.look(found):
            self.board.deploy(service, settled=False)
        for service in self._deploys.settled(found):
            self.board.deploy(service, settled=True)

    def _show(self, shown: dict[Key, float]) -> None:
        """Show this, and drop what was shown before and is no more."""
        for metric, labels in self._shown.keys() - shown.keys():
            self.board.drop(metric, dict(labels))
        for (metric, labels), value in shown.items():
            self.board.put(metric, dict(labels), value)
        self._shown = shown

    def expire(self) -> None:
        """What could not be seen for three intervals is unknown."""
        if self.now() - self._looked_at >= KEPT_INTERVALS * self.settings.interval:
            self._show(traits(self.settings))

    # -- what happens -------------------------------------------------------------------------

    def happened(self, event: Happened) -> bool:
        """Take an event; whether it is worth a look."""
        place = event.place or self._places.get(event.id)
        if place is None:  # by its network a container is known only when it was looked at
            return self.settings.by_network and event.action == "start"
        self._places[event.id] = place
        end = self._lives.take(event, place.service, self.now())
        self._end([end] if end else [])
        self._note()
        return event.action not in SILENT

    def settle(self) -> None:
        """Count the ends that were held back for an explanation that did not come."""
        self._end(self._lives.settled(self.now()))
        self._note()

    def _end(self, ends: Iterable[End]) -> None:
        for end in ends:
            self._ledger.ended(end, self.board, self.clock.now())
            events = self.settings.of(end.service).stop_events or {}
            if end.reason == "stopped" and (name := events.get(str(end.code))):
                self.board.event(end.service, name, end.at)

    def _note(self) -> None:
        notes = self._lives.notes() | self._ledger.notes() | self._deploys.notes()
        self.board.remember(self.settings.name, notes)

    # -- how the daemon fares -----------------------------------------------------------------

    def hears(self) -> None:
        """Events come from now on."""
        self._listening, self._deaf = True, False

    def hears_no_more(self) -> None:
        """Their stream has ended."""
        self._listening = False

    def deaf(self, error: SourceError) -> None:
        """The daemon does not tell its events."""
        self._deaf = True
        self._tell_up(up=False, failure=error.reason, text=f"events: {error}")

    def failed(self, error: SourceError) -> None:
        """The daemon could not be asked."""
        self._tell_up(up=False, failure=error.reason, text=str(error))
        self.expire()

    def _tell_up(self, *, up: bool, failure: str | None = None, text: str = "") -> None:
        """Say whether the daemon answers; said again it costs nothing, but a failure counts."""
        if up != self._up or failure is not None:
            self.board.source_state(self.settings.name, up=up, failure=failure)
        if failure is not None and text != self._said:
            log.warning("%s: %s", self.settings.name, text)
            self._said = text
        elif up and not self._up:
            log.info("%s: the daemon answers", self.settings.name)
            self._said = ""
        self._up = up
