"""The shape of sidewatch.yaml and of a profile: frozen values whose fields are the keys."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from exporter.config import forward
from exporter.config.build import (
    SCALARS,
    Builder,
    Hook,
    Raw,
    ScalarType,
    entries,
    instead,
    nearest,
)
from exporter.config.globs import inside
from exporter.config.nodes import At, Node, Refused
from exporter.forward.push import Push
from exporter.forward.settings import Destination
from exporter.model import Duration, Kind
from exporter.redact import MOST_PATTERNS, Expressions, Redaction, fault
from exporter.sources import KINDS, LogSource
from exporter.sources.containers import Service
from exporter.sources.disk import Disk
from exporter.sources.docker import Docker
from exporter.sources.docker.settings import SOCKET, Tls, check_way
from exporter.sources.files import Files
from exporter.sources.journald import Journald
from exporter.sources.postgres import State, StateTable, Use

Listen = Annotated[str, "listen"]
AppName = Annotated[str, "app"]
TimeZone = Annotated[str, "timezone"]
LabelName = Annotated[str, "label"]
Host = Annotated[str, "host"]
Patterns = Annotated[Mapping[str, str], "patterns"]
Heartbeats = Annotated[Mapping[str, Duration], "heartbeats"]
Watches = Annotated[Mapping[str, Disk], "files"]
Destinations = Annotated[Mapping[str, Destination], "forward"]

# What may be written short: a state by its phase alone.
SHORT: Mapping[type, str] = {State: "phase", **forward.SHORT}

ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^][:\s/]*):([0-9]{1,5})")
MOST_DISCOVERED = 200
APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class OwnMetric(Struct, frozen=True):
    """A metric beside the vocabulary. `buckets` are a histogram's upper bounds, in seconds."""

    type: Kind
    help: str
    labels: tuple[LabelName, ...] = ()
    buckets: tuple[Duration, ...] = ()


class LogPart(Struct, frozen=True):
    """What a profile says about logs."""

    rules: tuple[Raw, ...] = ()


class PostgresPart(Struct, frozen=True):
    """What a profile says about the database, wherever it is."""

    rows: Mapping[str, StateTable] = msgspec.field(default_factory=dict)
    queues: Mapping[str, Use] = msgspec.field(default_factory=dict)
    pool_limit: int | None = None


class ContainersPart(Struct, frozen=True):
    """What a profile says about containers, wherever they are."""

    container: tuple[str, ...] = ()
    network: str | None = None
    services: Mapping[str, Service] = msgspec.field(default_factory=dict)


class Profile(Struct, frozen=True):
    """What is known about an application, wherever it runs.

    `heartbeats` gives each sign of life its expected interval; `routes` names paths, first fit
    first. What names metrics is kept raw until the vocabulary is whole.
    """

    profile: AppName
    about: str = ""
    timezone: TimeZone = "UTC"
    heartbeats: Heartbeats = msgspec.field(default_factory=dict)
    routes: Patterns = msgspec.field(default_factory=dict)
    metrics: Raw | None = None
    objectives: Raw | None = None
    declare: Raw | None = None
    limits: Raw | None = None
    probes: Raw | None = None
    brokers: Raw | None = None
    logs: LogPart = LogPart()
    postgres: PostgresPart = PostgresPart()
    containers: ContainersPart = ContainersPart()


# Stands for a profile that was refused, which was said: it may declare anything.
UNREAD = Profile("")


@dataclass(frozen=True, slots=True)
class App:
    """One watched application: where its logs are, and what is to be different from its profile.

    `idle_hosts` are hosts behind a proxy at which nothing is meant to run.
    """

    raw: Raw = field(repr=False)
    name: AppName
    profile: Profile = field(default_factory=lambda: Profile("generic"))
    logs: tuple[PlacedSource, ...] = ()
    postgres: Raw | None = None
    containers: Raw | None = None
    files: Watches = field(default_factory=dict)
    probes: Raw | None = None
    brokers: Raw | None = None
    forward: Raw | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    timezone: TimeZone | None = None
    heartbeats: Heartbeats = field(default_factory=dict)
    routes: Patterns = field(default_factory=dict)
    metrics: Raw | None = None
    objectives: Raw | None = None
    declare: Raw | None = None
    limits: Raw | None = None
    rules: tuple[Raw, ...] = ()
    idle_hosts: tuple[Host, ...] = ()


@dataclass(frozen=True, slots=True)
class PlacedSource:
    """A source of lines, and where the configuration names it."""

    source: LogSource
    key: str = field(compare=False)
    line: int = field(compare=False)


class Discover(Struct, frozen=True):
    """Applications that containers' labels name: `discover: {url: unix:///var/run/docker.sock}`.

    `label` (NAME or NAME=VALUE) is on every container that is meant; `profiles` are those that
    labels may name beside the built-in ones. `from`: at the very first start logs are read from
    their end, or from their beginning.
    """

    url: str = SOCKET
    tls: Tls | None = None
    label: tuple[str, ...] = ()
    profiles: tuple[Profile, ...] = ()
    from_: Literal["end", "beginning"] = "end"
    most: int = 20

    def __post_init__(self) -> None:
        if not 1 <= self.most <= MOST_DISCOVERED:
            raise ValueError(f"most: from 1 to {MOST_DISCOVERED}")
        check_way(self.url, self.tls)


class WebPart(Struct, frozen=True):
    """What the endpoint asks of its clients: `web: {config_file: web.config.yml}`."""

    config_file: Path | None = None


class Settings(Struct, frozen=True):
    """sidewatch.yaml. `labels` are on every series; `created` shows start times (OpenMetrics).

    `redact` is what is hidden wherever something is shown or sent. `discover` has applications
    found by what their containers' labels say. `forward` names the destinations of log records,
    `push` that of metrics.
    """

    apps: tuple[App, ...]
    listen: Listen = "127.0.0.1:9877"
    state: Path = Path("./state")
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    created: bool = False
    redact: Redaction = msgspec.field(default_factory=Redaction)
    discover: Discover | None = None
    web: WebPart = WebPart()
    push: Push | None = None
    forward: Destinations = msgspec.field(default_factory=dict)


def builder(profile: Hook, base: Path) -> Builder:
    """Builds all of the above; `profile` finds the profile that a scalar names.

    Relative paths are taken from the folder `base`.
    """
    return Builder(
        hooks={
            App: _app,
            Expressions: _expressions,
            Profile: profile,
            Patterns: patterns,
            Heartbeats: _heartbeats,
            Watches: partial(_watches, base),
            Destinations: partial(forward.destinations, base),
            tuple[PlacedSource, ...]: partial(_log_sources, base),
        },
        scalars=TEXTS,
        short=SHORT,
    )


def listen_address(text: str) -> str:
    """An address to listen at, HOST:PORT. Raises ValueError."""
    found = ADDRESS.fullmatch(text)
    if found is None or int(found[1]) > 65535:
        raise ValueError(text)
    return text


def is_loopback(listen: str) -> bool:
    """Whether only this host reaches an address to listen at."""
    host = listen.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _matching(pattern: re.Pattern[str], right: str) -> ScalarType:
    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(text)
        return text

    return read, right


def _time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (OSError, KeyError):  # "Europe" is a folder of zones; an unknown name is a KeyError
        raise ValueError(text) from None
    return text


ADDRESS_WORDS = "an address like 127.0.0.1:9877, [::1]:9877 or :9877"
TEXTS: Mapping[object, ScalarType] = {
    **SCALARS,
    Listen: (listen_address, ADDRESS_WORDS),
    AppName: _matching(APP, "a name of letters, digits, '_', '-' and '.' (63 at most)"),
    LabelName: _matching(NAME, "a label's name: letters, digits and '_', no digit first"),
    Host: _matching(re.compile(r"[^\s/]+"), "a host name"),
    TimeZone: (_time_zone, "a time zone of this system, like UTC or Europe/Berlin"),
}


def patterns(build: Builder, node: Node, at: At) -> Mapping[str, str]:
    """Patterns to values: literals, or prefixes that end in '*'; the first that fits is taken."""
    for pair in entries(node, at).pairs:
        if "*" in pair.key[:-1]:
            at.child(pair.key).say(pair.line, "a '*' stands only at a pattern's end")
    found: Mapping[str, str] = build.convert(Mapping[str, str], node, at)
    return found


def _heartbeats(build: Builder, node: Node, at: At) -> Mapping[str, float]:
    found: dict[str, float] = build.convert(Mapping[str, Duration], node, at)
    for pair, here in Raw(node, at).pairs():
        # One whose interval was refused is declared all the same.
        if found.setdefault(pair.key, 1.0) == 0:
            here.say(pair.line, "an interval is longer than 0s")
        if not NAME.fullmatch(pair.key):
            here.say(pair.line, "a heartbeat's name has letters, digits and '_', no digit first")
    return found


def _watches(base: Path, build: Builder, node: Node, at: At) -> Mapping[str, Disk]:
    """What is watched on disks, by name; relative paths are taken from the folder `base`."""
    folder = base.absolute()
    found: dict[str, Disk] = {}
    given: Mapping[str, Disk] = build.convert(Mapping[str, Disk], node, at)
    for name, one in given.items():
        found[name] = dataclasses.replace(
            one, name=name, glob=inside(folder, one.glob), mount=one.mount and folder / one.mount
        )
    for pair, here in Raw(node, at).pairs():
        if not NAME.fullmatch(pair.key):
            here.say(pair.line, "a name has letters, digits and '_', no digit first")
    return found


def _app(build: Builder, node: Node, at: At) -> App:
    """An application; one whose name or profile is wrong is looked at further."""
    return build.build(App, node, at, {"name": "", "profile": UNREAD}, raw=Raw(node, at))


def _expressions(build: Builder, node: Node, at: At) -> Mapping[str, str]:
    """Patterns of one's own of what is to be hidden: those that can be used."""
    given: Mapping[str, str] = build.convert(Mapping[str, str], node, at)
    found = {}
    for pair, here in Raw(node, at).pairs():
        if pair.key in given:
            if wrong := fault(pair.key, given[pair.key]):
                here.say(pair.line, wrong)
            else:
                found[pair.key] = given[pair.key]
    if len(given) > MOST_PATTERNS:
        raise at.refuse(node.line, f"{MOST_PATTERNS} at the most")
    return found


def _log_sources(base: Path, build: Builder, node: Node, at: At) -> tuple[PlacedSource, ...]:
    parts: tuple[Raw, ...] = build.convert(tuple[Raw, ...], node, at)
    found = []
    for part in parts:
        try:
            source = _log_source(build, part.node, part.at)
        except Refused:
            continue
        found.append(PlacedSource(_from(base, source), part.at.key, part.node.line))
    return tuple(found)


def _from(base: Path, source: LogSource) -> LogSource:
    """The source with its relative paths taken from the folder, whatever the working directory.

    A path names its source, and saved cursors are found by that name: so it is the same however
    the configuration's own path was spelled.
    """
    folder = base.absolute()
    if isinstance(source, Journald) and source.journald.directory is not None:
        directory = str(folder / source.journald.directory)
        return replace(source, journald=replace(source.journald, directory=directory))
    if isinstance(source, Docker):
        return replace(source, docker=source.docker.inside(folder))
    if not isinstance(source, Files):
        return source
    return replace(
        source,
        files=inside(folder, source.files),
        # One without a slash is held against a name alone, wherever the file lies.
        exclude=tuple(
            path if "/" in glob else glob
            for glob, path in zip(source.exclude, inside(folder, source.exclude), strict=True)
        ),
    )


def _log_source(build: Builder, node: Node, at: At) -> LogSource:
    """The source that a mapping describes: the key that names its kind says which."""
    keys = [pair.key for pair in entries(node, at).pairs]
    named = [key for key in keys if key in KINDS]
    if len(named) > 1:
        text = f"an entry reads one source; {' and '.join(named)} need an entry each"
        raise at.refuse(node.line, text)
    if not named:
        meant = next((key for key in keys if nearest(key, KINDS)), "")
        raise at.refuse(node.line, f"names no source of lines{instead(meant, KINDS)}")
    source: LogSource = build.build(KINDS[named[0]], node, at)
    return source
