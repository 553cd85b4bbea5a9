"""The signals that no log tells: tests/signals/<id>.yaml into worlds that are really there.

faults     each of them a case; its keys are those of its kind of world (tests/support/worlds) and
  alerts       of which one notification tells; without any it only looks like the fault
  held         that fire too, and are held back by Alertmanager
  beside       that fire too, and are warnings of another signal
  by           the kinds of worlds, where they are not where the signal is read; always in this
               order: container, probe, sql, so that nobody waits for one who waits for him
  objectives   of the application in sidewatch.yaml
  maintenance  that one is declared
  known        lines of the exposition, of which sidewatch then shows at least so much
  minutes      {fault, end}: when the fault begins (40), and the timeline's end (70)
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.asking import until
from tests.support.faults import FAULTS, files
from tests.support.faults import told as file_of
from tests.support.firing import Story
from tests.support.looks import Act, Look, held, look, moves
from tests.support.signals import MINUTES
from tests.support.told import Told, told
from tests.support.worlds import answers, brokers, containers, disks, mounts, rows
from tests.support.worlds.world import PATIENCE, Given, Happening, World

Alert = Mapping[str, str]
Standing = Callable[[Given], AbstractAsyncContextManager[World]]

KINDS: Mapping[str, Standing] = {
    "sql": rows.standing,
    "probe": answers.standing,
    "file": disks.standing,
    "mount": mounts.standing,
    "container": containers.standing,
    "broker": brokers.standing,
}
SIDE_BY_SIDE = 5  # worlds of a kind: a server has room for few more


@dataclass(frozen=True)
class Staged:
    """One way in which a signal comes about, or an application that is well (no `alerts`)."""

    signal: str
    app: str
    form: str
    by: Sequence[str]
    part: Mapping[str, Any]
    alerts: Sequence[Alert]
    held: Sequence[Alert]
    beside: frozenset[str]
    minutes: Mapping[str, int]

    @classmethod
    def of(cls, signal: str, app: str, form: str, by: str, part: Mapping[str, Any]) -> Staged:
        """From YAML."""
        return cls(
            signal,
            app,
            form,
            part.get("by", [by]),
            part,
            [_named(one) for one in part.get("alerts", ())],
            [_named(one) for one in part.get("held", ())],
            frozenset(one["alert"] for one in part.get("beside", ())),
            MINUTES | part.get("minutes", {}),
        )

    @property
    def name(self) -> str:
        """Told apart from all others."""
        return f"{self.signal}-{self.form}"


def _named(alert: Alert) -> Alert:
    """An alert's labels; its name stands first in a file, under a word that reads well there."""
    return {"alertname" if label == "alert" else label: value for label, value in alert.items()}


def _staged() -> list[Staged]:
    """Every way of every signal, and who is well."""
    faults = [
        Staged.of(signal, one["app"], str(number), one["from"], part)
        for signal, one in FAULTS.items()
        if signal in files()
        for number, part in enumerate(file_of(signal).get("faults", ()))
    ]
    versions = [
        Staged.of("healthy", app, f"{app}-{number}", "probe", {"version": version})
        for app, known in answers.APPS.items()
        for number, version in enumerate(known["versions"])
    ]
    healthy = [
        Staged.of("healthy", one["app"], f"{one['app']}-containers", "container", one)
        for one in containers.KNOWN["healthy"]
    ]
    return [*faults, *versions, *healthy]


STAGED = _staged()


@dataclass
class Play:
    """A case at work: its worlds, and what sidewatch keeps while it is not there."""

    case: Staged
    worlds: Sequence[World]
    state: dict[str, Any] | None = None

    async def story(self) -> Story:
        """Let it happen, and look each time; nobody waits for the minutes in between."""
        acts = [await self._act(0)]
        course: dict[int, list[Happening]] = defaultdict(list)
        for world in self.worlds:
            for one in world.course():
                course[one[0]].append(one)
        for minute in sorted(course):
            for _, happens in course[minute]:
                await happens()
            acts.append(await self._act(self.case.minutes["fault"] + minute))
        for line in self.case.part.get("known", ()):
            assert acts[-1].look.tells(line), line
        return held(self.case.name, acts, self.case.minutes["end"])

    async def _act(self, minute: int) -> Act:
        first = await self._look()
        going = [world for world in self.worlds if world.goes_on]
        if not going:
            return Act(minute, first)
        for world in going:
            await world.go_on()
        second = await self._look()
        return Act(minute, second, moves(first, second, going[0].goes_on))

    async def _look(self) -> Look:
        """Start sidewatch where it was ended, and end it when it knows everything."""
        entry: dict[str, Any] = {"name": self.case.name, "profile": self.case.app}
        # A look is held for minutes: where this machine was slow at it, that is no fault of theirs.
        entry["objectives"] = {"probe_phase": "1m", **self.case.part.get("objectives", {})}
        for world in self.worlds:
            entry |= world.settings()
        async with told(json.dumps({"apps": [entry]}), state=self.state) as one:
            if "maintenance" in self.case.part:
                one.shard.quiet_until = math.inf
            await until(lambda: self._looked(one), f"all of {self.case.name}", PATIENCE)
            found, self.state = look(one.shard), one.shard.dump()
        return found

    def _looked(self, one: Told) -> bool:
        return all(world.looked(one) for world in self.worlds)


@dataclass
class Stage:
    """Where cases are played side by side. `servers` are what worlds of a kind share."""

    folder: Path
    servers: Mapping[str, Any]
    places: Mapping[str, asyncio.Semaphore] = field(
        default_factory=lambda: {kind: asyncio.Semaphore(SIDE_BY_SIDE) for kind in KINDS}
    )
    # Who watches what an application hosts watches all containers of some names, and no project.
    alone: Mapping[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    # Who needs many places is not overtaken for ever by those who need one.
    doors: Mapping[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def play(self, case: Staged) -> Story:
        """Play one, as soon as there is place."""
        folder = self.folder / case.name
        async with AsyncExitStack() as stack:
            for kind in case.by:
                if kind == "container":
                    await stack.enter_async_context(self.alone[case.app])
                async with self.doors[kind]:
                    for _ in range(SIDE_BY_SIDE if "sessions" in case.part else 1):
                        await stack.enter_async_context(self.places[kind])
            worlds = []
            for kind in case.by:
                own = folder / kind
                own.mkdir(parents=True)
                given = Given(case.app, case.part, own, self.servers.get(kind))
                worlds.append(await stack.enter_async_context(KINDS[kind](given)))
            return await Play(case, worlds).story()


def stories(
    cases: Sequence[Staged], folder: Path, servers: Mapping[str, Any]
) -> dict[str, Story | BaseException]:
    """What each case comes to, by its name; or why it could not be played."""

    async def play() -> Sequence[Story | BaseException]:
        stage = Stage(folder, servers)
        plays = [stage.play(case) for case in cases]
        return await asyncio.gather(*plays, return_exceptions=True)

    return {case.name: one for case, one in zip(cases, asyncio.run(play()), strict=True)}
