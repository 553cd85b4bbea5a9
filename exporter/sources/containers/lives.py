"""The lives of containers: what events and inspections together say of ends and restarts. Pure.

Events tell how each one ended; inspect forgets that at the next start, but it still knows the ends
of those that lie there, where the daemon has dropped the events. An end is counted by its event, or
by inspect when no event has come for it: once in either case.
"""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from exporter.sources.containers.facts import Happened, Seen

Reason = Literal["clean", "stopped", "grace", "killed", "oom", "error"]

KILLED = 128 + signal.SIGKILL
HELD_SECONDS = 2.0  # the word that memory was short may come after the end
UNTOLD_SECONDS = 3.0  # how long the event of an end that inspect shows is waited for
ASKING = frozenset({signal.SIGTERM, signal.SIGINT})
RESTARTS = "restarts"
HELD = "held"
TOLD = "told"
ASKED = "asked"
MOST_TOLD = 256  # as many events as a daemon keeps, so no end of more can come once more
CLOCK_SECONDS = 0.001  # how exactly a saved time is the time that was saved
LATE_SECONDS = 10.0  # how much later than its end a daemon may tell of it
POSITION = ("position", "position_nanos")  # a float does not hold nanoseconds since 1970


class End(Struct, frozen=True):
    """One container's end, at `at` by the daemon's clock."""

    id: str
    service: str
    code: int
    reason: Reason
    at: float


class Life(Struct):
    """What was done to a container since it was last started; `ended_at` is its newest end."""

    asked: bool = False
    killed: bool = False
    short_of_memory: bool = False
    stop_signal: int = int(signal.SIGTERM)
    ended_at: float = 0.0

    def reason(self, code: int) -> Reason:
        """Why it ended with this code."""
        if self.killed:
            return "grace" if self.asked else "killed"
        if code == KILLED:
            if self.short_of_memory:
                return "oom"
            return "grace" if self.asked else "killed"
        if self.asked:
            return "stopped"
        return "error" if code else "clean"


class Lives(Struct):
    """What is known of all containers that are meant.

    `since` is the time that an earlier run had come to, or of the first start: what ended before
    is history. `position` is the newest event that was taken, in nanoseconds since 1970. `_told`
    has the ends that inspect has told and whose events may still come, by id; `_young` those of
    whom an event has told since the last look, which began before it, perhaps.
    """

    since: float
    position: int
    _lives: dict[str, Life] = field(default_factory=dict)
    _restarts: dict[str, int] = field(default_factory=dict)
    _held: dict[str, tuple[End, float]] = field(default_factory=dict)
    _untold: dict[str, tuple[float, float]] = field(default_factory=dict)
    _told: dict[str, list[float]] = field(default_factory=dict)
    _young: set[str] = field(default_factory=set)

    @classmethod
    def recall(cls, notes: Mapping[str, float], now: float) -> Lives:
        """Go on from what was noted, or begin now."""
        seconds, nanos = (notes.get(name) for name in POSITION)
        if seconds is None or nanos is None:
            return cls(now, int(now * 1e9))
        position = int(seconds) * 10**9 + int(nanos)
        lives = cls(position / 1e9, position)
        for key, value in notes.items():
            kind, _, rest = key.partition(" ")
            if kind == RESTARTS:
                lives._restarts[rest] = int(value)
            elif kind == TOLD:
                lives._told.setdefault(rest.partition(" ")[2], []).append(value)
            elif kind == ASKED:
                lives._lives[rest] = Life(asked=bool(int(value) & 1), killed=bool(int(value) & 2))
            elif kind == HELD:
                identity, _, service = rest.partition(" ")
                end = End(identity, service, KILLED, "killed", value)
                lives._held[identity] = (end, 0.0)
        return lives

    def notes(self) -> dict[str, float]:
        """What a restart of ours needs."""
        seconds, nanos = divmod(self.position, 10**9)
        noted = {POSITION[0]: float(seconds), POSITION[1]: float(nanos)}
        noted |= {f"{RESTARTS} {each}": float(count) for each, count in self._restarts.items()}
        noted |= {f"{HELD} {end.id} {end.service}": end.at for end, _ in self._held.values()}
        for each, ends in self._told.items():
            noted |= {f"{TOLD} {number} {each}": at for number, at in enumerate(ends)}
        for each, life in self._lives.items():
            if life.asked or life.killed:
                noted[f"{ASKED} {each}"] = float(life.asked + 2 * life.killed)
        return noted

    # -- events -------------------------------------------------------------------------------

    def take(self, event: Happened, service: str, now: float) -> End | None:
        """Take an event of a container of this service; its end, where that is what happened."""
        life = self._lives.setdefault(event.id, Life())
        self.position = max(self.position, event.nanos)
        self._young.add(event.id)
        if event.action == "kill":
            life.asked |= event.signal in {*ASKING, life.stop_signal}
            life.killed |= event.signal == signal.SIGKILL
        elif event.action == "oom":
            life.short_of_memory = True
            self._explain(event.id)
        elif event.action == "start":
            self._forget_told(event.id, event.at)
            self._lives[event.id] = Life(stop_signal=life.stop_signal, ended_at=life.ended_at)
        elif event.action == "create":
            self._restarts.setdefault(event.id, 0)
        elif event.action == "die":
            return self._died(event, life, service, now)
        return None

    def _died(self, event: Happened, life: Life, service: str, now: float) -> End | None:
        life.ended_at = max(life.ended_at, event.at)
        reason, killed = life.reason(event.exit_code), life.killed
        life.asked = life.killed = False  # it was about this end
        if self._was_told(event):
            return None
        end = End(event.id, service, event.exit_code, reason, event.at)
        if reason == "killed" and not killed:
            self._held[event.id] = (end, now + HELD_SECONDS)
            return None
        return end

    def _was_told(self, event: Happened) -> bool:
        """Whether inspect has told of this end; if so, it has been waited for long enough."""
        for at in self._told.get(event.id, ()):
            if 0 <= event.at - at + CLOCK_SECONDS <= LATE_SECONDS:
                self._forget_told(event.id, at + CLOCK_SECONDS)
                return True
        return False

    def _forget_told(self, identity: str, before: float) -> None:
        """Events come in their order, so those of earlier ends will not come any more."""
        kept = [at for at in self._told.pop(identity, ()) if at >= before]
        if kept:
            self._told[identity] = kept

    def _explain(self, identity: str) -> None:
        if identity in self._held:
            end, _ = self._held[identity]
            self._held[identity] = (replace(end, reason="oom"), 0.0)

    def settled(self, now: float) -> Iterator[End]:
        """The ends that were held back for an explanation, which are held no longer."""
        for identity, (end, until) in list(self._held.items()):
            if now >= until:
                del self._held[identity]
                yield end

    # -- inspections --------------------------------------------------------------------------

    def look(self, found: Collection[Seen], now: float, *, listening: bool) -> Iterator[End]:
        """Take what inspect shows of all of them: the ends of which no event has told.

        `listening` says that events have been coming since the last look.
        """
        for one in found:
            life = self._lives.setdefault(one.id, Life())
            life.stop_signal = one.stop_signal
            if one.ended and (end := self._untold_end(one, life, now, listening=listening)):
                yield end
        present = {one.id for one in found}
        for known in (self._lives, self._untold, self._restarts):
            for gone in known.keys() - present - self._held.keys() - self._young:
                known.pop(gone)
        self._young.clear()
        self._bound_told(present)

    def _bound_told(self, present: set[str]) -> None:
        """Keep what a daemon may still tell; of those that are there always the newest end."""
        if sum(map(len, self._told.values())) > MOST_TOLD:
            self._told = {each: ends[-1:] for each, ends in self._told.items()}
            past = [each for each in self._told if each not in present]
            for gone in past[: max(0, len(past) - MOST_TOLD)]:
                del self._told[gone]

    def _untold_end(self, one: Seen, life: Life, now: float, *, listening: bool) -> End | None:
        """Its end, where no event has told it for long enough."""
        finished = one.finished or 0.0
        if finished <= max(life.ended_at, self.since, *self._told.get(one.id, ())):
            return None
        waited = self._untold.get(one.id)
        if waited is None or waited[0] != finished:
            self._untold[one.id] = (finished, now)
            return None
        if listening and now - waited[1] < UNTOLD_SECONDS:
            return None
        del self._untold[one.id]
        life.ended_at = finished
        told = [*self._told.pop(one.id, ()), finished]
        self._told[one.id] = told
        life.short_of_memory |= one.oom_killed
        return End(one.id, one.place.service, one.exit_code, life.reason(one.exit_code), finished)

    def restarted(self, one: Seen) -> int:
        """How often the daemon has started it again since the last look.

        The daemon counts from 0 again after a start by hand.
        """
        before = self._restarts.get(one.id)
        self._restarts[one.id] = one.restarts
        if before is None:
            return one.restarts if one.created > self.since else 0
        return one.restarts - before if one.restarts >= before else one.restarts
