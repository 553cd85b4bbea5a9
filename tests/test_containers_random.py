"""Whoever is away and whenever one looks: each end of a container counts once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

import pytest
from msgspec.structs import replace

from exporter.sources.containers.facts import Happened, Seen
from exporter.sources.containers.lives import Lives
from exporter.sources.containers.settings import Place

T = 1_700_000_000.0
PLACE = Place("web", "1")
BORN = Seen("", PLACE, "running", None, T, T, None, 0, False, 0, "shop", "1", 15, 1)


@dataclass
class Daemon:
    """Its containers, its events in their order, and how often each container has ended."""

    now: float = T
    ones: dict[str, Seen] = field(default_factory=dict)
    events: list[Happened] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)

    def tells(self, action: str, identity: str, code: int = 0) -> None:
        self.now += 0.003  # it notes what has happened first
        nanos = int(self.now * 1e9)
        self.events.append(Happened(nanos, action, identity, PLACE, exit_code=code))

    def starts(self, identity: str) -> None:
        self.ones[identity] = replace(BORN, id=identity, started=self.now)
        self.tells("start", identity)

    def ends(self, identity: str) -> None:
        ended = replace(self.ones[identity], state="exited", finished=self.now, exit_code=1)
        self.ones[identity] = ended
        self.ended[identity] += 1
        self.tells("die", identity, 1)

    def removes(self, identity: str) -> None:
        del self.ones[identity]
        self.tells("destroy", identity)


@dataclass
class Watcher:
    """Sidewatch: what it has counted, and how many events it has been told."""

    daemon: Daemon
    lives: Lives = field(default_factory=lambda: Lives.recall({}, T))
    counted: Counter[str] = field(default_factory=Counter)
    heard: int | None = None

    def listens(self) -> None:
        """It connects, and is told of what comes after its place, from then on."""
        events, place = self.daemon.events, self.lives.position
        self.heard = next((n for n, one in enumerate(events) if one.nanos > place), len(events))

    def hears(self, most: int) -> None:
        if self.heard is None:
            return
        for event in self.daemon.events[self.heard : self.heard + most]:
            end = self.lives.take(event, "web", self.daemon.now)
            self.counted.update([end.id] if end else [])
            self.heard += 1

    def looks(self) -> None:
        seen, listening = list(self.daemon.ones.values()), self.heard is not None
        ends = list(self.lives.look(seen, self.daemon.now, listening=listening))
        self.counted.update(end.id for end in ends)
        if listening and ends:  # the stream is dead, so it is left for another
            self.heard = None

    def restarts(self) -> None:
        self.lives, self.heard = Lives.recall(self.lives.notes(), self.daemon.now), None


def live(daemon: Daemon, watcher: Watcher, dice: Random, *, forgets: bool) -> None:
    """Things happen; sidewatch listens, looks, falls and comes again; a daemon `forgets` events."""
    for number in range(400):
        daemon.now += dice.choice([0.01, 0.2, 1.0, 4.0, 15.0])
        identity = dice.choice([*daemon.ones, f"c{number}"])
        one = daemon.ones.get(identity)
        if one is not None and not one.ended:
            daemon.ends(identity)
        elif one is not None and (len(daemon.ones) > 4 or dice.random() < 0.1):
            daemon.removes(identity)
        elif one is not None or len(daemon.ones) < 4:
            daemon.starts(identity)
        for _ in range(dice.randint(0, 4)):
            dice.choice([watcher.listens, watcher.looks, watcher.looks, watcher.restarts])()
            watcher.hears(dice.choice([0, 1, 100]))
            daemon.now += dice.choice([0.01, 0.6])
        if forgets and dice.random() < 0.05:
            daemon.events.clear()
            watcher.heard = None
    watcher.listens()
    watcher.hears(1000)
    for _ in range(3):
        daemon.now += 5
        watcher.looks()


@pytest.mark.parametrize("seed", range(40))
def test_each_end_counts_once_while_its_event_is_still_known(seed: int) -> None:
    daemon = Daemon()
    watcher = Watcher(daemon)
    live(daemon, watcher, Random(seed), forgets=False)
    assert watcher.counted == daemon.ended
    assert len(watcher.lives.notes()) < 30


@pytest.mark.parametrize("seed", range(40))
def test_no_end_counts_twice_whatever_a_daemon_forgets(seed: int) -> None:
    daemon = Daemon()
    watcher = Watcher(daemon)
    live(daemon, watcher, Random(seed), forgets=True)
    assert not watcher.counted - daemon.ended
    assert watcher.counted.total() > 0.5 * daemon.ended.total()
