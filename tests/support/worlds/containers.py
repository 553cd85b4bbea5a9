"""An application's containers, on a real Docker Engine. Of a signal's file, and with the same
meaning in tests/answers/containers.yaml, which has the behaviours and who is well:

services      what is there before, and stays as it is: one container that behaves so, or a list of
              such replicas
said          what is declared of a service
then          what happens: words for `docker`, with ids for the names of services (`worker-2` is
              its second replica); a mapping starts another container of a service
shows         what sidewatch has to know then: a metric without its prefix, the values of its
              labels, and its value; a counter may have gone on
goes_on       services that go on to be restarted, which counts as once a minute: a daemon does it
              as rarely
later         after so many minutes: {then, shows}
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from exporter.vocabulary import FAMILIES
from tests.support.docker import FIRST, Dockerd
from tests.support.told import Told
from tests.support.worlds.world import Given, Happening

TESTS = Path(__file__).parents[2]
KNOWN: Mapping[str, Any] = yaml.safe_load((TESTS / "answers/containers.yaml").read_text())
RUNNING = "watched_service_running_replicas"
RESTARTS = "watched_container_restarts_total"
PREFIXES = ("watched_container", "watched_service", "watched")

# What a step of `then` is.
Step = str | Mapping[str, str]


@dataclass
class Containers:
    """Some containers. `ids` are found by the names of services and replicas.

    `wanted` is how many of each service run; `told`, how often each was last said to have been
    restarted, and `passed`, how often that was before it went on.
    """

    docker: Dockerd
    project: str
    part: Mapping[str, Any]
    ids: dict[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    shows: Mapping[str, float] = field(default_factory=dict)
    wanted: Mapping[str, float] = field(default_factory=dict)
    told: Mapping[str, float] = field(default_factory=dict)
    passed: Mapping[str, float] = field(default_factory=dict)
    harmed: bool = False

    def settings(self) -> Mapping[str, Any]:
        """Whose they are."""
        said = self.part.get("said", {})
        url = self.docker.url
        watch = {"url": url, "project": self.project, "interval": "5s", "services": said}
        return {"containers": watch}

    def course(self) -> Sequence[Happening]:
        """Its steps, in one go each time."""
        later = self.part.get("later", {})
        return [(0, self._harm), *((minute, partial(self._later, minute)) for minute in later)]

    def looked(self, one: Told) -> bool:
        """Whether all is known that is to be."""
        if not self.harmed:
            running = {service: value for (service,), value in one.series(RUNNING).items()}
            return self.wanted.items() <= running.items()
        assert not one.failures()
        self.told = {service: value for (service,), value in one.series(RESTARTS).items()}
        return all(
            _shows(one, *words.split(), value=value) for words, value in self.shows.items()
        ) and all(self.told.get(service, 0) > before for service, before in self.passed.items())

    @property
    def goes_on(self) -> int:
        """Whether any is restarted again and again."""
        return int(self.harmed and "goes_on" in self.part)

    async def go_on(self) -> None:
        """Wait for one more restart of each."""
        self.passed = {service: self.told[service] for service in self.part["goes_on"]}

    async def begin(self) -> None:
        """Start what runs before, all at once."""
        for service, number, behaviour in self._replicas():
            await asyncio.to_thread(self._make, service, number, behaviour)
        await asyncio.to_thread(self.docker, "start", *self.made)
        found = json.loads(await asyncio.to_thread(self.docker, "inspect", *self.made))
        counts = dict.fromkeys(self.part["services"], 0)
        for (service, *_), one in zip(self._replicas(), found, strict=True):
            counts[service] += one["State"]["Status"] == "running"
        self.wanted = counts

    async def end(self) -> None:
        """Remove them all."""
        await asyncio.to_thread(self.docker._docker, "rm", "-f", *self.made)

    async def _harm(self) -> None:
        await self._befall(self.part)

    async def _later(self, minute: int) -> None:
        await self._befall(self.part["later"][minute])

    async def _befall(self, part: Mapping[str, Any]) -> None:
        for step in part.get("then", ()):
            await asyncio.to_thread(self._take, step)
        self.shows, self.harmed = part["shows"], True

    def _take(self, step: Step) -> None:
        if isinstance(step, str):
            self.docker(*(self.ids.get(word, word) for word in shlex.split(step)))
            return
        for service, behaviour in step.items():
            self.docker("start", self._make(service, 1, behaviour))

    def _make(self, service: str, number: int, behaviour: str) -> str:
        """Create a container that behaves so."""
        how = KNOWN["behaviours"][behaviour]
        options, script = how.get("options", []), how["script"]
        if any(option.startswith("--memory") for option in options):
            self.docker.limits_memory()
        if "name" in how:  # outside compose: no label says whose it is
            words = ("create", "--name", how["name"], *options, FIRST, "sh", "-c", script)
            one = self.docker(*words)
        else:
            more = {key: how[key] for key in ("image", "oneoff") if key in how}
            one = self.docker.make(self.project, service, script, *options, number=number, **more)
        self.made.append(one)
        self.ids[f"{service}-{number}"] = one
        self.ids.setdefault(service, one)
        return one

    def _replicas(self) -> Iterator[tuple[str, int, str]]:
        """Each container that runs before: its service, its number, how it behaves."""
        for service, behaviours in self.part["services"].items():
            each = [behaviours] if isinstance(behaviours, str) else behaviours
            for number, behaviour in enumerate(each, 1):
                yield service, number, behaviour


def _shows(one: Told, metric: str, *labels: str, value: float) -> bool:
    name = next(full for each in PREFIXES if (full := f"{each}_{metric}") in FAMILIES)
    found = one.series(name).get(labels, -1)
    return found >= value if name.endswith("_total") else found == value


@asynccontextmanager
async def standing(given: Given) -> AsyncIterator[Containers]:
    """The containers of an application."""
    docker: Dockerd = given.server
    world = Containers(docker, docker.project(), given.part)
    try:
        await world.begin()
        yield world
    finally:
        await world.end()
