"""What outlives a container: how those of a service ended, and which services were ever met.

One that is removed leaves its exit code behind; a restart of sidewatch must not lose that either,
so everything here is noted with the counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from exporter.model import Board
from exporter.sources.containers.facts import Seen
from exporter.sources.containers.lives import End
from exporter.sources.containers.settings import Containers

FORGET_SECONDS = 7 * 86_400.0
MET_SECONDS = 3600.0  # how exactly it is noted when a service was last met
CODE, EXIT, READ, MET = "code", "exit", "read", "met"

Key = tuple[str, str, str]  # service, exit code, reason


class Ledger(Struct):
    """The ends of all services. Times in seconds since 1970."""

    settings: Containers
    _codes: dict[str, tuple[float, int]] = field(default_factory=dict)
    _exits: dict[Key, float] = field(default_factory=dict)
    _read: dict[Key, float] = field(default_factory=dict)
    _met: dict[str, float] = field(default_factory=dict)

    def recall(self, notes: Mapping[str, float]) -> None:
        """Go on from what was noted."""
        for key, value in notes.items():
            kind, _, rest = key.partition(" ")
            if kind == MET:
                self._met[rest] = value
            elif kind == CODE:
                code, _, service = rest.partition(" ")
                self._codes[service] = (value, int(code))
            elif kind in {EXIT, READ}:
                code, reason, service = rest.split(" ", 2)
                (self._exits if kind == EXIT else self._read)[service, code, reason] = value

    def notes(self) -> dict[str, float]:
        """What a restart of ours needs."""
        noted = {f"{MET} {service}": at for service, at in self._met.items()}
        noted |= {f"{CODE} {code} {service}": at for service, (at, code) in self._codes.items()}
        for kind, stamps in ((EXIT, self._exits), (READ, self._read)):
            for (service, code, reason), at in stamps.items():
                noted[f"{kind} {code} {reason} {service}"] = at
        return noted

    def ended(self, end: End, board: Board, now: float) -> None:
        """Count the end of a container."""
        labels = {"service": end.service, "exit_code": str(end.code), "reason": end.reason}
        board.add("watched_container_exits_total", labels)
        key = (end.service, str(end.code), end.reason)
        self._exits[key] = max(end.at, self._exits.get(key, end.at))
        self._read[key] = now
        self._code(end.service, end.at, end.code)
        self.show(board)

    def history(self, found: Iterable[Seen]) -> None:
        """Take the codes with which containers ended that lie there since before the first look."""
        for one in found:
            if one.ended and one.finished is not None:
                self._code(one.place.service, one.finished, one.exit_code)

    def _code(self, service: str, at: float, code: int) -> None:
        if service not in self._codes or at >= self._codes[service][0]:
            self._codes[service] = (at, code)

    def show(self, board: Board) -> None:
        """Show how those ended that were the last to do so."""
        for service, (_, number) in self._codes.items():
            board.put("watched_container_last_exit_code", {"service": service}, number)
        for metric, stamps in (
            ("watched_container_last_exit_timestamp_seconds", self._exits),
            ("watched_container_exit_read_timestamp_seconds", self._read),
        ):
            for (service, code, reason), at in stamps.items():
                labels = {"service": service, "exit_code": code, "reason": reason}
                board.put(metric, labels, at)

    # -- services -----------------------------------------------------------------------------

    def meet(self, service: str, now: float) -> None:
        """There is a container of this service that is meant to run."""
        if now - self._met.get(service, 0.0) >= MET_SECONDS:
            self._met[service] = now

    def services(self) -> set[str]:
        """All that are named or were met."""
        return {*self.settings.services, *self._met}

    def expected(self, service: str) -> int:
        """How many containers of it should run."""
        said = self.settings.of(service)
        if said.oneshot:
            return 0
        if said.replicas is not None:
            return said.replicas
        return 1 if service in self._met else 0

    def forget(self, board: Board, now: float) -> None:
        """Let go of what was not met, and did not happen, for a week."""
        for service in [each for each, at in self._met.items() if now - at >= FORGET_SECONDS]:
            del self._met[service]
        for metric, stamps in (
            ("watched_container_last_exit_timestamp_seconds", self._exits),
            ("watched_container_exit_read_timestamp_seconds", self._read),
        ):
            for key in [each for each, at in stamps.items() if now - at >= FORGET_SECONDS]:
                del stamps[key]
                labels = dict(zip(("service", "exit_code", "reason"), key, strict=True))
                board.drop(metric, labels)
        old = [each for each, (at, _) in self._codes.items() if now - at >= FORGET_SECONDS]
        for service in set(old) - self.services():
            del self._codes[service]
            board.drop("watched_container_last_exit_code", {"service": service})
