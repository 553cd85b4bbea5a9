"""The settings of containers' logs: which containers, and where their daemon answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

SCHEMES = ("unix", "tcp", "http", "https")
SOCKET = "unix:///var/run/docker.sock"
PROJECT = "com.docker.compose.project"
STACK = "com.docker.stack.namespace"
PROFILE, APP = "sidewatch.profile", "sidewatch.app"
# What names a container's service: compose, an operator's own label, Docker's swarm mode.
SERVICES = (
    "com.docker.compose.service",
    "sidewatch.service",
    "com.docker.swarm.service.name",
)
# What a service, a project or an application may be called; whoever makes a container labels it.
NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
# An id that compose puts before a name while it replaces a container, or others behind it.
_ID = re.compile(r"^[0-9a-f]{12,64}_|[._-][0-9a-f]{12,64}$")


class Tls(Struct, frozen=True):
    """The files that secure the way to a daemon: its authority, our certificate and key."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key belong together; give both or neither")

    def inside(self, folder: Path) -> Tls:
        """The same with relative paths taken from the folder."""
        ca, cert, key = (one and folder / one for one in (self.ca, self.cert, self.key))
        return Tls(ca, cert, key)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which containers: of compose's `project`, of one of its services, with these labels.

    A `label` is NAME or NAME=VALUE; all that are given must fit. `url` is a socket, or the TCP
    address of a daemon or of a proxy before it. `app` is the application that labels must name.
    """

    project: str | None = None
    service: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    url: str = SOCKET
    tls: Tls | None = None
    app: str | None = field(default=None, metadata={"inner": True})

    def __post_init__(self) -> None:
        if not (self.project or self.service or self.label):
            raise ValueError("selects no container: write project: NAME, or service or label")
        check_way(self.url, self.tls)

    @property
    def name(self) -> str:
        """What stands for it; the same for as long as it selects the same."""
        words = [self.project] if self.project else []
        words += [f"service={one}" for one in self.service]
        words += [f"label={one}" for one in self.label]
        return " ".join(words if self.url == SOCKET else [self.url, *words])

    def filters(self) -> str:
        """What the daemon is asked to list, as its API spells it."""
        project = [f"{PROJECT}={self.project}"] if self.project else []
        return json.dumps({"label": [*project, *self.label]})

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a container with these labels is meant."""
        if self.project and labels.get(PROJECT) != self.project:
            return False
        if self.app is not None and app_of(labels) != self.app:
            return False
        if self.service and not any(labels.get(key) in self.service for key in SERVICES):
            return False
        for one in self.label:
            name, equals, value = one.partition("=")
            if name not in labels or (equals and labels[name] != value):
                return False
        return True

    def shares(self, other: Selection) -> bool:
        """Whether the other, too, selects some of these containers, as far as settings tell."""
        own, others = set(self.label), set(other.label)
        return (
            (self.url, self.project) == (other.url, other.project)
            and (own <= others or others <= own)
            and (
                not self.service or not other.service or {*self.service} & {*other.service} != set()
            )
        )

    def inside(self, folder: Path) -> Selection:
        """The same with relative paths taken from the folder."""
        return replace(self, tls=self.tls and self.tls.inside(folder))


def service_of(name: str, labels: Mapping[str, str]) -> str:
    """The service that a container's lines count for: told by a label, else its name without id."""
    plain = name.strip("/")
    return labelled_service(labels) or _ID.sub("", plain) or plain


def labelled_service(labels: Mapping[str, str]) -> str:
    """The service that its labels tell; nothing where none does, or none that can be a name."""
    told = (labels.get(key, "") for key in SERVICES)
    return next((one for one in told if NAME.fullmatch(one)), "")


def app_of(labels: Mapping[str, str]) -> str:
    """The application of a container that names a profile: told, else compose's or swarm's word.

    A container that has neither is of an application called like its profile.
    """
    return next((labels[key] for key in (APP, PROJECT, STACK, PROFILE) if labels.get(key)), "")


def check_way(url: str, tls: Tls | None) -> None:
    """Complain of what cannot be a way to a daemon. Raises ValueError."""
    _check_url(url)
    if tls is not None and urlsplit(url).scheme in {"unix", "http"}:
        raise ValueError("tls: is for a url that begins with tcp:// or https://")


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("url: is no URL") from None
    if parts.scheme not in SCHEMES:
        raise ValueError("url: like unix:///var/run/docker.sock or tcp://docker-proxy:2375")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url: takes no user and no password; a daemon is secured by `tls`")
    if parts.scheme == "unix":
        if parts.netloc or not parts.path:
            raise ValueError("url: of a socket has three slashes: unix:///var/run/docker.sock")
    elif not parts.hostname or port is None:
        raise ValueError("url: names a host and a port, like tcp://docker-proxy:2375")
