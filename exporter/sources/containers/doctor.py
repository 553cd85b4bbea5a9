"""A daemon of containers looked at once: who it is, what it lets us ask, which containers fit.

What is refused is told with the path that a proxy would have to let through.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct, field

from exporter.errors import SourceError
from exporter.sources.containers import engine as package
from exporter.sources.containers.settings import Containers
from exporter.sources.docker.settings import NAME, PROJECT, Selection, Tls, service_of
from exporter.sources.report import Remark, Report
from exporter.sources.worker import Worker

if TYPE_CHECKING:
    from exporter.sources.docker.engine import Engine, Listed, Status

WHOLE_SECONDS = 30.0
AT_ONCE = 8
MOST_NAMED = 12
PODMAN = "Podman"
BY_SECOND = (
    "Podman stamps lines by the second, so lines can be lost where reading begins;"
    " its ctr.log, mounted read-only and read as files, count exactly"
)
NOBODY = "sidewatch-check"  # no container: who may ask for it is told that there is none
T = TypeVar("T")

# What would help, by the reason for which something fails; both ways to a daemon have their words.
HELP = {
    "refused": "does the daemon run, and listen there? In a container, is its socket mounted?",
    "permission": "give sidewatch the socket's group, or better a proxy",
    "dns": "is the host's name right, and known in this container or machine?",
    "timeout": "does a firewall or a wrong address swallow the packets, or does the daemon hang?",
    "tls": "do `tls` and the host's name fit the daemon's certificate?",
    "garbled": "does something else listen there?",
    "answer": "does something else listen there?",
    "too_many": "select fewer",
}
RIGHTS = {
    "version": "/version",
    "list": "/containers/json",
    "inspect": "/containers/ID/json",
    "events": "/events",
    "logs": "/containers/ID/logs",
}
# What a source that reads logs, and one that watches containers, cannot do without.
LOGS_NEED = ("list", "inspect", "logs")
CONTAINERS_NEED = ("version", "list", "inspect", "events")


class Wanted(Struct, frozen=True):
    """What one daemon is wanted for: containers watched, and logs read, by the place of each.

    `files` has where a log is read as a file, by the name of that.
    """

    url: str
    tls: Tls | None
    watched: Sequence[tuple[str, Containers]]
    read: Sequence[tuple[str, Selection]]
    files: Mapping[str, str]


def wanted(
    watched: Iterable[tuple[str, Containers]],
    read: Iterable[tuple[str, Selection]],
    files: Mapping[str, str],
) -> Iterator[Wanted]:
    """All that is asked of daemons, by daemon."""
    watched, read = list(watched), list(read)
    ways = [(one.url, one.tls) for _, one in watched] + [(one.url, one.tls) for _, one in read]
    for url, tls in dict.fromkeys(ways):
        yield Wanted(
            url,
            tls,
            [(place, one) for place, one in watched if (one.url, one.tls) == (url, tls)],
            [(place, one) for place, one in read if (one.url, one.tls) == (url, tls)],
            files,
        )


async def examine(asked: Wanted) -> Report:
    """Ask everything once, in at most `WHOLE_SECONDS`."""
    from exporter.sources.docker.engine import Engine

    visit = _Visit(asked)
    try:
        async with asyncio.timeout(WHOLE_SECONDS), Engine(asked.url, asked.tls) as engine:
            await visit.go(engine)
    except TimeoutError:
        visit.say(f"not everything was asked within {WHOLE_SECONDS:g} s", fault=True)
    except SourceError as error:
        visit.say(_why(error), fault=True)
    return Report(visit.summary, tuple(visit.remarks))


class _Visit(Struct):
    """What is known so far; `refused` are the rights that a proxy does not give."""

    asked: Wanted
    summary: str = "cannot be reached"
    remarks: list[Remark] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    listed: list[Listed] = field(default_factory=list)

    def say(self, text: str, *, fault: bool = False) -> None:
        self.remarks.append(Remark(text, fault))

    async def go(self, engine: Engine) -> None:
        """Raises SourceError where the daemon is not reached."""
        version = await self._may("version", engine.version())
        self.summary = "it may not tell its version" if version is None else _named(version)
        self.listed = await self._may("list", engine.containers()) or []
        for right, asking in (
            ("inspect", engine.inspect(NOBODY)),
            ("events", _first_events(engine)),
            ("logs", _no_log(engine)),
        ):
            try:
                await self._may(right, asking)
            except SourceError as error:
                self.say(f"{right}: {_why(error)}", fault=True)
        self._rights()
        for place, containers in self.asked.watched:
            await self._watch(place, containers)
        for place, selection in self.asked.read:
            await self._read(place, selection, engine)

    # -- what is let through ------------------------------------------------------------------

    async def _may(self, right: str, asking: Awaitable[T]) -> T | None:
        """What is answered; None of a refusal, which is noted, and where there is no container."""
        try:
            return await asking
        except SourceError as error:
            if error.reason == "denied" and error.__cause__ is None:  # not by the socket itself
                self.refused.add(right)
            elif error.reason != "gone":
                raise
        return None

    def _rights(self) -> None:
        """Say what is refused, and what that keeps from working."""
        needed = {*(LOGS_NEED if self.asked.read else ())}
        needed |= {*(CONTAINERS_NEED if self.asked.watched else ())}
        for right in (each for each in RIGHTS if each in self.refused):
            text = f"refused: {right}; a proxy must let GET {RIGHTS[right]} through"
            if right in needed:
                self.say(text, fault=True)
            elif right == "events":
                self.say(f"{text}, else new containers are found at the next look only")
        if not self.refused:
            self.say(f"lets us ask for {', '.join(RIGHTS)}")

    # -- what fits ----------------------------------------------------------------------------

    async def _watch(self, place: str, settings: Containers) -> None:
        """Look as the source itself does, by its own way to the daemon."""
        if self.refused & {"version", "list", "inspect"}:
            return
        worker, engine = Worker("check containers"), package.Engine(settings)
        try:
            found = await worker.do(engine.look)
        except SourceError as error:
            self.say(f"{place}: {_why(error)}", fault=True)
            return
        finally:
            worker.close(engine.close)
        names = [one.place.service for one in found]
        self._fit(place, names)
        missing = [name for name in settings.services if name not in names]
        if found and missing:
            self.say(f"{place}: there is no container of {', '.join(missing)} now")

    async def _read(self, place: str, selection: Selection, engine: Engine) -> None:
        """Say whose logs are read, what keeps them, and which of them cannot be read."""
        if "list" in self.refused:
            return
        found = [one for one in self.listed if selection.fits(one.labels)]
        self._fit(place, [_service(one) for one in found])
        for one in found:
            if file := self.asked.files.get(f"{one.id}-json.log"):
                text = f"{place}: the log of {_service(one)} is read as a file by {file} already"
                self.say(f"{text}; its lines would count twice", fault=True)
        if self.refused & {"inspect", "logs"}:
            return
        gate = asyncio.Semaphore(AT_ONCE)
        kept = await asyncio.gather(*(_kept(one, engine, gate) for one in found))
        if found and self.summary.startswith(PODMAN):
            self.say(f"{place}: {BY_SECOND}")
            kept = [(name, one) for name, one in kept if one.fault]
        for text, fault in dict.fromkeys((one.text, one.fault) for _, one in kept):
            names = [name for name, one in kept if one.text == text]
            self.say(f"{place}: {_listing(names)}: {text}", fault=fault)

    def _fit(self, place: str, names: Collection[str]) -> None:
        if names:
            fit = "1 container fits" if len(names) == 1 else f"{len(names)} containers fit"
            self.say(f"{place}: {fit}: {_listing(names)}")
            return
        projects = {one.labels.get(PROJECT, "") for one in self.listed}
        known = sorted(one for one in projects if NAME.fullmatch(one))[:MOST_NAMED]
        there = f"the daemon has the projects {', '.join(known)}" if known else "nor any project"
        self.say(f"{place}: no container fits now; {there}")


async def _first_events(engine: Engine) -> None:
    async with aclosing(engine.events()) as events:
        async for _ in events:
            return


async def _no_log(engine: Engine) -> None:
    async with engine.log(NOBODY, tail="0"):
        return


async def _kept(one: Listed, engine: Engine, gate: asyncio.Semaphore) -> tuple[str, Remark]:
    """The service of a container, and what there is to say about what keeps its log."""
    service, driver = _service(one), ""
    async with gate:
        try:
            status = await engine.inspect(one.id)
            driver = status.driver
            async with engine.log(one.id, tail="0"):
                return service, _holds(status)
        except SourceError as error:
            if error.reason == "gone":
                return service, Remark("removed while it was looked at")
            text = f"its log cannot be read: {_why(error)}"
    if driver == "none":
        text = "the driver none keeps no log; give it json-file or local, or select others"
    return service, Remark(text, fault=True)


def _holds(status: Status) -> Remark:
    """What a driver that can be read keeps, and what that means."""
    megabytes = f"{status.holds / 1e6:g} MB" if status.holds else "all of it (set max-size)"
    held = f"{status.driver} keeps {megabytes}"
    if status.driver == "json-file":
        return Remark(f"{held}; read as files, mounted read-only, each line counts")
    if status.driver == "local":
        return Remark(f"{held}; what it discards unread is lost")
    return Remark(f"{status.driver}; what the daemon discards unread is lost")


def _service(one: Listed) -> str:
    return service_of(one.name, one.labels)


def _listing(names: Collection[str]) -> str:
    """The services, with how many containers where it is more than one."""
    counts = sorted(Counter(names).items())
    told = [name if count == 1 else f"{name} ({count})" for name, count in counts[:MOST_NAMED]]
    more = len(counts) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def _named(version: Mapping[str, object]) -> str:
    """Which daemon it is; Podman names itself among the components of what it imitates."""
    components = version.get("Components")
    names = [str(one.get("Name")) for one in components] if isinstance(components, list) else []
    engine = PODMAN if any(PODMAN in name for name in names) else "Docker Engine"
    return f"{engine} {version.get('Version')}, API {version.get('ApiVersion')}"


def _why(error: SourceError) -> str:
    help_ = HELP.get(error.reason)
    return f"{error.reason}: {error}" + (f" ({help_})" if help_ else "")
