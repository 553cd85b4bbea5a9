"""Whatever is done to containers, in any order: told as docker itself tells it, each end once.

A hand does something at random, sometimes while sidewatch is away, and names the end that it
causes; the codes come from `docker events`, the states from `docker inspect`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.asking import Asked, until, watched
from tests.support.docker import SECOND, Dockerd

SERVICES = ("api", "worker", "beat")
STEPS = 6  # while sidewatch looks, and again while it does not
PATIENCE = 40.0  # a slow machine
EXITS = "watched_container_exits_total"
End = tuple[str, str, str]  # service, exit code, reason


@dataclass
class Hand:
    """Somebody at a keyboard. `ends` are those that were caused."""

    docker: Dockerd
    project: str
    chance: random.Random
    ends: Counter[End] = field(default_factory=Counter)
    there: dict[str, str] = field(default_factory=dict)

    def act(self) -> None:
        """Do something to one of the services."""
        service = self.chance.choice(SERVICES)
        one = self.there.get(service)
        if one is None:
            self._first(service)
            return
        runs = self.docker.inspect(one)["State"]["Running"]
        self.chance.choice(self._while_it_runs() if runs else self._while_it_lies())(service, one)

    def _first(self, service: str) -> None:
        self.there[service] = self.docker.run(self.project, service, "exec sleep 1000", "--init")

    def _while_it_runs(self) -> list[Callable[[str, str], None]]:
        return [self._stop, self._late, self._kill, self._restart, self._remove, self._beside]

    def _while_it_lies(self) -> list[Callable[[str, str], None]]:
        return [self._start, self._replace, self._beside]

    def _stop(self, service: str, one: str) -> None:
        self.docker("stop", "-t", "9", one)
        self.ends[service, "143", "stopped"] += 1

    def _late(self, service: str, one: str) -> None:
        self.docker("kill", "-s", "STOP", one)  # it cannot do as it is asked
        self.docker("stop", "-t", "0", one)
        self.ends[service, "137", "grace"] += 1

    def _kill(self, service: str, one: str) -> None:
        self.docker("kill", one)
        self.ends[service, "137", "killed"] += 1

    def _restart(self, service: str, one: str) -> None:
        self.docker("restart", "-t", "9", one)
        self.ends[service, "143", "stopped"] += 1

    def _remove(self, service: str, one: str) -> None:
        self.docker("rm", "-f", one)
        self.ends[service, "137", "killed"] += 1
        del self.there[service]

    def _start(self, _: str, one: str) -> None:
        self.docker("start", one)

    def _replace(self, service: str, one: str) -> None:
        self.docker("rm", one)
        more = {"image": SECOND}
        self.there[service] = self.docker.run(self.project, service, "sleep 1000", "--init", **more)

    def _beside(self, *_: str) -> None:
        code = self.chance.choice([0, 1, 7])
        self.docker.run(self.project, "passing", f"exit {code}", "--rm")
        self.ends["passing", str(code), "error" if code else "clean"] += 1

    def states(self) -> dict[str, str]:
        """The state of each service's container."""
        return {
            service: self.docker.inspect(one)["State"]["Status"]
            for service, one in self.there.items()
        }


def codes(events: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """How often which service ended with which code."""
    told = [one["Actor"]["Attributes"] for one in events]
    return Counter((one["com.docker.compose.service"], one["exitCode"]) for one in told)


def states(app: Asked) -> dict[str, str]:
    found = app.series("watched_container_state")
    return {service: state for (service, _, state), value in found.items() if value}


async def test_whatever_is_done_each_end_counts_once(docker: Dockerd) -> None:
    project = docker.project()
    hand = Hand(docker, project, random.Random(36))  # which does everything at least twice
    settings = f"containers: {{url: '{docker.url}', project: {project}, interval: 1s}}"
    state: dict[str, Any] | None = None
    for _ in range(2):
        async with watched(settings, state=state) as app:
            await until(lambda: app.value("sidewatch_source_up", "containers") == 1, "an answer")
            for _ in range(STEPS):
                await asyncio.to_thread(hand.act)
            await _agree(app, hand)
            state = app.shard.dump()
        for _ in range(STEPS):
            hand.act()
    async with watched(settings, state=state) as app:
        await _agree(app, hand)
    caused = Counter[tuple[str, str]]()
    for (service, code, _), count in hand.ends.items():
        caused[service, code] += count
    assert codes(docker.events(project, "die")) == caused


async def _agree(app: Asked, hand: Hand) -> None:
    """Wait until sidewatch says what docker and the hand say, and no more ends."""
    there = hand.states()
    await until(lambda: app.series(EXITS) == hand.ends, f"{hand.ends}", PATIENCE)
    await until(lambda: states(app) == there, f"{there}", PATIENCE)
    assert app.series(EXITS) == hand.ends
    assert not app.failures()
