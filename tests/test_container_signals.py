"""Each fault that containers tell of: brought about on a real Docker Engine, held to the rules.

What sidewatch makes of it, by the profiles as they are shipped, goes into a real promtool with the
rules as they are shipped: while all is well no alert fires, and with the fault those that
docs/signals.md promises, and no other.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import shlex
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.vocabulary import FAMILIES
from tests.support.asking import until
from tests.support.docker import FIRST, Dockerd
from tests.support.parts import Parts
from tests.support.promises import promised
from tests.support.proof import FIRING, Alert, check, held_back
from tests.support.told import One, Told, told

ROOT = Path(__file__).parents[1]
KNOWN: Mapping[str, Any] = yaml.safe_load((ROOT / "tests/answers/containers.yaml").read_text())
SIGNALS = re.compile(
    r"-(migrate-failed|preflight-failed|service-down|broker-restarted|killed-in-drain|crash-loop)$"
    r"|^ko-force-exit$"  # by the log, or by the container
)
NETWORK = "paas-apps"
RUNNING = "watched_service_running_replicas"
PATIENCE = 40.0  # many containers on a slow machine


@dataclass(frozen=True)
class Case:
    """One of tests/answers/containers.yaml, which says what the keys mean."""

    app: str
    services: Mapping[str, str | Sequence[str]]
    shows: Mapping[str, float]
    signal: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)
    then: Sequence[str | Mapping[str, str]] = ()
    goes_on: Sequence[str] = ()
    well: float = 0
    later: float = 0
    maintenance: bool = False
    alerts: Sequence[Alert] = ()
    holds: Sequence[Alert] = ()

    def replicas(self) -> Iterator[tuple[str, int, str]]:
        """Each container that runs before: its service, its number, how it behaves."""
        for service, behaviours in self.services.items():
            each = [behaviours] if isinstance(behaviours, str) else behaviours
            for number, behaviour in enumerate(each, 1):
                yield service, number, behaviour


HEALTHY = [Case(**one) for one in KNOWN["healthy"]]
CALM = [Case(**one) for one in KNOWN["calm"]]
FAULTS = [Case(**one) for one in KNOWN["faults"]]


@dataclass
class World:
    """The containers of one case. `ids` are found by the names of services and replicas."""

    docker: Dockerd
    project: str
    ids: dict[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    def begin(self, case: Case) -> None:
        """Start what runs before, all at once."""
        for service, number, behaviour in case.replicas():
            self.make(service, number, behaviour)
        self.docker("start", *self.made)

    def make(self, service: str, number: int, behaviour: str) -> str:
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

    def take(self, step: str | Mapping[str, str]) -> None:
        """Let this happen."""
        if isinstance(step, str):
            self.docker(*(self.ids.get(word, word) for word in shlex.split(step)))
            return
        for service, behaviour in step.items():
            self.docker("start", self.make(service, 1, behaviour))

    def running(self, case: Case) -> dict[str, int]:
        """How many of each service run, as `docker inspect` says."""
        counts = dict.fromkeys(case.services, 0)
        found = json.loads(self.docker("inspect", *self.made))
        for (service, *_), one in zip(case.replicas(), found, strict=True):
            counts[service] += one["State"]["Status"] == "running"
        return counts

    def end(self) -> None:
        """Remove them all."""
        self.docker._docker("rm", "-f", *self.made)


@pytest.fixture(scope="module")
def engine(docker: Dockerd) -> Iterator[Dockerd]:
    """A daemon with a network for what paas hosts."""
    made = docker._docker("network", "create", NETWORK)
    if made.returncode:
        pytest.skip(f"the kernel does not let docker make a network ({made.stderr.strip()[-200:]})")
    yield docker
    docker("network", "rm", NETWORK)  # else its bridge stays with the machine


def test_every_signal_of_a_container_has_its_fault() -> None:
    found = promised(r"##+ (\w+)(?:, from probes, containers and files)?")
    wanted = {one for one in found if SIGNALS.search(one[1])}
    assert len({signal for _, signal, _ in wanted}) == 12
    proved = {(one.app, one.signal, alert["alert"]) for one in FAULTS for alert in one.alerts}
    assert proved == wanted


@pytest.mark.parametrize("case", HEALTHY, ids=lambda case: case.app)
async def test_a_healthy_application_fires_nothing(
    case: Case, engine: Dockerd, parts: Parts, tmp_path: Path
) -> None:
    _, known = await seen(case, engine)
    check(parts.need("promtool"), tmp_path / "healthy.yaml", known, {}, [])


@pytest.mark.parametrize("case", CALM, ids=lambda case: case.app)
async def test_what_is_no_fault_fires_nothing(
    case: Case, engine: Dockerd, parts: Parts, tmp_path: Path
) -> None:
    before, known = await seen(case, engine)
    held_to_the_rules(case, before, known, parts, tmp_path)


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.signal)
async def test_a_fault_fires_its_alerts_and_no_other(
    case: Case, engine: Dockerd, parts: Parts, tmp_path: Path
) -> None:
    before, known = await seen(case, engine)
    held_to_the_rules(case, before, known, parts, tmp_path)
    fired = [{**one, "app": case.app} for one in case.alerts]
    for effect in case.holds:
        assert held_back({**effect, "app": case.app}, fired)


def held_to_the_rules(
    case: Case, before: dict[One, float], known: dict[One, float], parts: Parts, folder: Path
) -> None:
    """Let promtool say which alerts fire, each for its own service."""
    promtool, path = parts.need("promtool"), folder / "rules.yaml"
    shown = [f"count({FIRING}) == {len(case.alerts)}"] if case.alerts else []
    if case.well:
        check(promtool, path, before, {}, case.alerts, at_times=known, shown=shown)
        return
    moved = {
        one: 1.0
        for one in known
        if one[0].endswith("_total") and dict(one[1]).get("service") in case.goes_on
    }
    check(promtool, path, _aged(known, case.later), moved, case.alerts, shown=shown)


def _aged(known: Mapping[One, float], seconds: float) -> dict[One, float]:
    """The same, some time later."""
    return {
        one: value - seconds if one[0].endswith("_timestamp_seconds") else value
        for one, value in known.items()
    }


async def seen(case: Case, docker: Dockerd) -> tuple[dict[One, float], dict[One, float]]:
    """What is known before something happens, and when it has."""
    async with at_work(case, docker) as (world, one):
        at_first = world.running(case)
        await until(lambda: at_first.items() <= running(one).items(), f"{at_first}", PATIENCE)
        before = _aged(one.all(), case.well)
        for step in case.then:
            await asyncio.to_thread(world.take, step)
        await until(lambda: shows(case, one), f"{case.shows}", PATIENCE)
        assert not one.failures()
        return before, one.all()


@asynccontextmanager
async def at_work(case: Case, docker: Dockerd) -> AsyncIterator[tuple[World, Told]]:
    """The containers of a case, watched by the profile of their application."""
    world = World(docker, docker.project())
    watch = {"url": docker.url, "project": world.project, "interval": "1s", "services": case.said}
    entry = {"name": case.app, "profile": case.app, "containers": watch}
    try:
        await asyncio.to_thread(world.begin, case)
        async with told(json.dumps({"apps": [entry]})) as one:
            if case.maintenance:
                one.shard.quiet_until = math.inf
            yield world, one
    finally:
        await asyncio.to_thread(world.end)


def running(one: Told) -> dict[str, float]:
    """How many of each service run, as sidewatch says."""
    return {service: value for (service,), value in one.series(RUNNING).items()}


def shows(case: Case, one: Told) -> bool:
    """Whether all is known that is to be."""
    return all(_shows(one, *words.split(), value=value) for words, value in case.shows.items())


def _shows(one: Told, metric: str, *labels: str, value: float) -> bool:
    names = (f"{prefix}_{metric}" for prefix in ("watched_container", "watched_service", "watched"))
    name = next(each for each in names if each in FAMILIES)
    found = one.series(name).get(labels, -1)
    return found >= value if name.endswith("_total") else found == value
