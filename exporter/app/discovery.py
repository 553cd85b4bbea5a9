"""Applications that containers' labels name: looked for, remembered, and given a plan.

Whoever may start a container writes its labels. So a label names a profile that the configuration
allows and never a file, names are held to a form, what is configured is never changed by a label,
and there are so many applications at the most.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from exporter import notes
from exporter.clock import Clock
from exporter.config import AppPlan, Discovery, Plan
from exporter.config.discovery import is_name
from exporter.errors import SourceError, StateError
from exporter.sources.docker import Docker, labels_of_all
from exporter.sources.docker.settings import PROFILE, app_of

FILE = "discovered.json"
FORGET_SECONDS = 7 * 86_400.0
NAMELESS = "?"  # a name that is none is not repeated
SEEN_SECONDS = 3600.0  # how exactly it is noted when an application was last seen

Reason = Literal["profile", "name", "configured", "conflict", "too_many"]
Rows = Mapping[str, list[str | float | bool]]
# Why an application that a label names is not taken.
WHY: Mapping[Reason, str] = {
    "profile": "no such profile is known",
    "name": "its name is none; it has letters, digits, '_', '-' and '.', 63 at most",
    "configured": "the configuration names it, or reads its containers",
    "conflict": "some of its containers name another profile, and are not read",
    "too_many": "there are as many applications as `most` allows",
}

log = logging.getLogger(__name__)


class Known(Struct):
    """An application that was found; `old` ones were there at the very first look."""

    profile: str
    seen: float
    old: bool


class Found(Struct):
    """What labels name: profiles by application, and why others are not taken."""

    apps: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Reason] = field(default_factory=dict)


def sort_out(
    labelled: Iterable[Mapping[str, str]], known: Mapping[str, Known], plan: Plan, most: int
) -> Found:
    """What containers with these labels name; those that are known come before others."""
    found, named = Found(), dict[str, set[str]]()
    profiles = plan.discovery.drafts if plan.discovery else {}
    for labels in labelled:
        app, profile = app_of(labels), labels[PROFILE]
        if not is_name(app):
            found.refused[NAMELESS] = "name"
        elif profile not in profiles:
            found.refused[app] = "profile"
        elif configured(app, labels, plan):
            found.refused[app] = "configured"
        else:
            named.setdefault(app, set()).add(profile)
    free = most - len(known)
    for app in sorted(named):
        if app in known and known[app].profile in named[app]:
            found.apps[app] = known[app].profile
        elif app in known or free > 0:
            free -= app not in known
            found.apps[app] = min(named[app])
        else:
            found.refused[app] = "too_many"
        if app in found.apps and len(named[app]) > 1:
            found.refused[app] = "conflict"  # it is watched, but for the others
    return found


def configured(app: str, labels: Mapping[str, str], plan: Plan) -> bool:
    """Whether the configuration has this application, or reads a container of these labels."""
    for one in plan.apps:
        if one.name == app or (one.containers and one.containers.place("", labels)):
            return True
        for placed in one.logs:
            if isinstance(placed.source, Docker) and placed.source.docker.fits(labels):
                return True
    return False


class Discoverer(Struct):
    """The applications that were found. `do` runs a job that may hang, off the loop.

    One that is no more is watched on for a week: that its containers are gone is worth an alert.
    """

    clock: Clock
    folder: Path
    do: Callable[[Callable[[], Any]], Coroutine[Any, Any, Any]]
    known: dict[str, Known] = field(default_factory=dict)
    refused: dict[str, Reason] = field(default_factory=dict)
    up: bool = False
    _first: bool = True
    _said: str = ""

    async def recall(self) -> None:
        """Go on with what an earlier run has found."""
        try:
            known = await self.do(lambda: read(self.folder))
        except StateError as error:
            log.warning("%s", error)
            known = {}
        self._first = known is None
        self.known = known or {}

    async def look(self, plan: Plan) -> bool:
        """Ask the daemon; whether there are others now. Where it does not answer, there are not."""
        discovery = plan.discovery
        if discovery is None:
            return False
        try:
            labelled = await labels_of_all(discovery.selection)
        except SourceError as error:
            self._fail(error)
            return False
        if not self.up:
            log.info("discover: the daemon answers")
        self.up, self._said = True, ""
        return await self._take(labelled, plan, discovery.settings.most)

    async def _take(self, labelled: list[Mapping[str, str]], plan: Plan, most: int) -> bool:
        now, before = self.clock.now(), self._profiles()
        found = sort_out(labelled, self.known, plan, most)
        self._tell(found)
        gone = self.known.keys() - found.apps.keys()
        forgotten = [app for app in gone if now - self.known[app].seen >= FORGET_SECONDS]
        for app in forgotten:
            del self.known[app]
        changed = self._first or bool(forgotten)
        for app, profile in found.apps.items():
            one = self.known.get(app)
            if one is None:
                self.known[app] = Known(profile, now, self._first)
            elif one.profile != profile or now - one.seen >= SEEN_SECONDS:
                one.profile, one.seen = profile, now
            else:
                continue
            changed = True
        self._first = False
        if changed:
            await self._remember()
        return self._profiles() != before

    def plans(self, discovery: Discovery | None, taken: Iterable[str]) -> dict[str, AppPlan]:
        """The plans of all that are known, but for taken names and for profiles that are gone."""
        if discovery is None:
            return {}
        return {
            app: discovery.plan(app, self.known[app].profile, old=self.known[app].old)
            for app in self.known.keys() - set(taken)
            if self.known[app].profile in discovery.drafts
        }

    def _profiles(self) -> dict[str, str]:
        return {app: one.profile for app, one in self.known.items()}

    def _tell(self, found: Found) -> None:
        for app, profile in found.apps.items():
            if app not in self.known:
                log.info("discover: %s, with the profile %s", app, profile)
        for app, reason in found.refused.items():
            if self.refused.get(app) != reason:
                log.warning("discover: %s: %s", app, WHY[reason])
        self.refused = found.refused

    def _fail(self, error: SourceError) -> None:
        self.up = False
        if str(error) != self._said:
            self._said = str(error)
            log.warning("discover: %s", error)

    async def _remember(self) -> None:
        rows: Rows = {app: [one.profile, one.seen, one.old] for app, one in self.known.items()}
        try:
            await self.do(lambda: write(self.folder, rows))
        except StateError as error:
            log.warning("%s", error)


def read(folder: Path) -> dict[str, Known] | None:
    """What was found before; None where nobody has looked yet. Raises StateError."""
    return notes.read(folder / FILE, "list of applications", _known)


def _known(rows: Any) -> dict[str, Known]:
    return {
        app: Known(str(profile), float(seen), bool(old))
        for app, (profile, seen, old) in rows.items()
        if is_name(app)
    }


def write(folder: Path, rows: Rows) -> None:
    """Replace what was found, at once. Raises StateError."""
    notes.write(folder / FILE, rows)
