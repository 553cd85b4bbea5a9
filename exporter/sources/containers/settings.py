"""The settings of watched containers: which are meant, by what name, and what is known of each."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from msgspec import Struct, structs
from msgspec.structs import replace

from exporter.model import Duration
from exporter.sources.docker.settings import (
    PROJECT,
    SOCKET,
    Tls,
    app_of,
    check_way,
    labelled_service,
)

# What makes a name one container's alone: a UUID, digits, hexadecimal of six characters and more
# with a digit among them, or anything very long.
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RANDOM = re.compile(r"[0-9]+|(?=[a-f]*[0-9])[0-9a-f]{6,}|[0-9A-Za-z]{20,}")
SEPARATORS = re.compile(r"([-_.])")
EVENT = re.compile(r"[a-z][a-z0-9_]*")
MOST_CODE = 255
COUNTED = re.compile(r"[0-9]{1,6}")
TRAITS = ("oneshot", "drains", "volatile")
# What Docker Compose, and podman-compose after it, writes on its containers.
NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"


class Service(Struct, frozen=True):
    """What is said of one service.

    `container` (globs of names), `label` (NAME or NAME=VALUE) and `network` find containers outside
    compose: all that are given must fit. `replicas` are those that should run. A one-shot runs once
    and must succeed; a service that drains loses work if it is killed before it has ended; a
    volatile one loses its data at a restart. `stop_events` has what it means that one was asked to
    stop and ended with this code: the name of an event that somebody is paged for.
    """

    container: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    network: str | None = None
    replicas: int | None = None
    oneshot: bool | None = None
    drains: bool | None = None
    volatile: bool | None = None
    stop_events: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.replicas is not None and self.replicas < 0:
            raise ValueError("replicas: 0 at the least")
        if self.oneshot and self.replicas:
            raise ValueError("a one-shot has no replicas; take oneshot or replicas away")
        for code, event in (self.stop_events or {}).items():
            if not (code.isdecimal() and int(code) <= MOST_CODE and EVENT.fullmatch(event)):
                text = "stop_events: an exit code from 0 to 255, then a name of a-z, 0-9 and '_'"
                raise ValueError(text)

    def finds(self) -> bool:
        """Whether it says how its containers are found."""
        return bool(self.container or self.label or self.network)

    def fits(self, name: str, labels: Mapping[str, str], networks: Collection[str]) -> bool:
        """Whether this container is one of it."""
        return (
            self.finds()
            and (not self.container or any(fnmatchcase(name, glob) for glob in self.container))
            and labelled(labels, self.label)
            and (self.network is None or self.network in networks)
        )

    def over(self, other: Service) -> Service:
        """What this says, and what the other says where this says nothing."""
        given = structs.asdict(self)
        told = {name: value for name, value in given.items() if value not in (None, ())}
        return replace(other, **told)


class Place(Struct, frozen=True):
    """Which service a container belongs to.

    `number` is what compose counts it as; a `one_off` was started by `docker compose run`. Of one
    that is `loose` nobody says that it should run.
    """

    service: str
    number: str | None = None
    one_off: bool = False
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Containers:
    """The containers of an application: `containers: {project: shop}`.

    `project` is compose's, `service` names some of its services where not all are meant, `label`
    (NAME or NAME=VALUE) is on every container that is meant. `container` (globs of names) and
    `network` find those outside compose that come and go; each is called by its name without the
    random part of it. `services` says more of some services. `app` is the application that labels
    must name.
    """

    project: str | None = None
    service: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    container: tuple[str, ...] = ()
    network: str | None = None
    services: Mapping[str, Service] = field(default_factory=dict)
    url: str = SOCKET
    tls: Tls | None = None
    interval: Duration = 15.0
    app: str | None = field(default=None, metadata={"inner": True})

    def __post_init__(self) -> None:
        if not 1 <= self.interval <= 300:
            raise ValueError("interval: from 1s to 5m")
        check_way(self.url, self.tls)

    @property
    def name(self) -> str:
        """The label `source`."""
        return "containers"

    @property
    def by_network(self) -> bool:
        """Whether some containers are told by their network, which no event tells."""
        return bool(self.network or any(one.network for one in self.services.values()))

    @property
    def filters(self) -> dict[str, list[str]]:
        """What the daemon itself can leave out, as its API takes it."""
        outside = self.container or self.network or any(s.finds() for s in self.services.values())
        labels = [] if self.project is None else [f"{PROJECT}={self.project}"]
        labels += self.label
        return {"label": labels} if labels and not outside else {}

    def finds(self) -> bool:
        """Whether it says which containers are meant."""
        return bool(
            self.project
            or self.service
            or self.label
            or self.container
            or self.network
            or any(one.finds() for one in self.services.values())
        )

    def place(
        self, name: str, labels: Mapping[str, str], networks: Collection[str] = ()
    ) -> Place | None:
        """Where a container of this name belongs; None for one that is not meant.

        What `docker compose run` starts is meant only where its service is a one-shot: a shell
        beside a service is not the service.
        """
        if self._among(labels):
            service = labelled_service(labels) or stem(name)
            one_off = labels.get(ONE_OFF, "").lower() == "true"
            if one_off and not self.of(service).oneshot:
                return None
            number = labels.get(NUMBER, "")
            return Place(service, number if COUNTED.fullmatch(number) else None, one_off)
        for service, one in self.services.items():
            if one.fits(name, labels, networks):
                return Place(service)
        if PROJECT not in labels and self._loose(name, networks):
            return Place(stem(name), loose=True)
        return None

    def _loose(self, name: str, networks: Collection[str]) -> bool:
        return self.network in networks or any(fnmatchcase(name, glob) for glob in self.container)

    def _among(self, labels: Mapping[str, str]) -> bool:
        """Whether a container of these labels is meant, and says which service it is of."""
        service = labelled_service(labels)
        return (
            bool(self.project or self.service or self.label)
            and (bool(service) if self.app is None else app_of(labels) == self.app)
            and self.project in {None, labels.get(PROJECT)}
            and (not self.service or service in self.service)
            and labelled(labels, self.label)
        )

    def of(self, service: str) -> Service:
        """What is said of a service."""
        return self.services.get(service, Service())


def stem(name: str) -> str:
    """A container's name without what is random or counted in it: `blog-3f9ac2d1-1` is `blog`."""
    parts = SEPARATORS.split(UUID.sub("0", name))
    while len(parts) > 1 and RANDOM.fullmatch(parts[-1]):
        del parts[-2:]
    return "container" if RANDOM.fullmatch(parts[0]) and len(parts) == 1 else "".join(parts)


def labelled(labels: Mapping[str, str], wanted: Collection[str]) -> bool:
    """Whether the labels are among these: NAME, or NAME=VALUE."""
    for each in wanted:
        name, equals, value = each.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    return True
