"""What the Engine's API says, as facts: inspect's answers and the stream of events. Pure.

Shapes are those of the Docker Engine API, v1.24 and later (docs.docker.com/reference/api/engine),
which Podman serves as well.
"""

from __future__ import annotations

import hashlib
import re
import signal
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from exporter.sources.containers.settings import Containers, Place

STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
HEALTHS = ("starting", "healthy", "unhealthy")
CONFIG_HASH = "com.docker.compose.config-hash"
NEVER = "0001-"  # how Go spells a time that was not set
# What Podman calls some of them by itself.
ACTIONS = {"died": "die", "remove": "destroy"}
FRACTION = re.compile(r"(\.[0-9]{6})[0-9]+")


class Seen(Struct, frozen=True):
    """One container as inspect shows it; times in seconds since 1970, None where there is none.

    `health` is None without a healthcheck. `made_of` stands for its image and configuration: a
    number that differs where they do.
    """

    id: str
    place: Place
    state: str
    health: str | None
    created: float
    started: float | None
    finished: float | None
    exit_code: int
    oom_killed: bool
    restarts: int
    image: str
    version: str
    stop_signal: int
    made_of: int

    @property
    def ended(self) -> bool:
        """Whether it has run and runs no more."""
        return self.state in {"exited", "dead"} and self.finished is not None

    @property
    def meant_to_run(self) -> bool:
        """Whether one should be running in its place: it does, or did and failed."""
        if self.place.one_off or self.place.loose:
            return False
        if self.ended:
            return self.exit_code != 0
        return self.state in {"running", "paused", "restarting"}


class Happened(Struct, frozen=True):
    """One event of a container, at `nanos` since 1970 by the daemon's clock.

    `exit_code` is of `die`, `signal` of `kill`.
    """

    nanos: int
    action: str
    id: str
    place: Place | None
    exit_code: int = 0
    signal: int = 0

    @property
    def at(self) -> float:
        """When, in seconds since 1970."""
        return self.nanos / 1e9


def seen(settings: Containers, whole: Mapping[str, Any]) -> Seen | None:
    """The answer of `/containers/ID/json`; None for a container that is not meant."""
    config, state = whole.get("Config") or {}, whole.get("State") or {}
    labels = config.get("Labels") or {}
    networks = ((whole.get("NetworkSettings") or {}).get("Networks") or {}).keys()
    place = settings.place(str(whole.get("Name", "")).lstrip("/"), labels, networks)
    if place is None:
        return None
    image, version = named(str(config.get("Image") or ""))
    status = _status(state)
    health = str((state.get("Health") or {}).get("Status") or "")
    made_of = f"{whole.get('Image')} {labels.get(CONFIG_HASH, '')}"
    return Seen(
        id=str(whole["Id"]),
        place=place,
        state=status,
        health=health if health in HEALTHS and status == "running" else None,
        created=moment(whole.get("Created")) or 0.0,
        started=moment(state.get("StartedAt")),
        finished=moment(state.get("FinishedAt")),
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        restarts=int(whole.get("RestartCount") or 0),
        image=image,
        version=version,
        stop_signal=number_of(str(config.get("StopSignal") or "")) or signal.SIGTERM,
        made_of=int.from_bytes(hashlib.blake2b(made_of.encode(), digest_size=6).digest()),
    )


def _status(state: Mapping[str, Any]) -> str:
    """One of STATES; Podman has words of its own for being between two of them."""
    status = str(state.get("Status") or "")
    others = {"stopped": "exited", "stopping": "running", "initialized": "created"}
    status = others.get(status, status)
    return status if status in STATES else "created"


def happened(settings: Containers, whole: Mapping[str, Any]) -> Happened | None:
    """One event of `/events`; None for one that is of no container, or of no use."""
    actor = whole.get("Actor") or {}
    action, identity = str(whole.get("Action") or ""), str(actor.get("ID") or "")
    if whole.get("Type", "container") != "container" or not identity:
        return None
    told = {str(key): str(value) for key, value in (actor.get("Attributes") or {}).items()}
    code = told.get("exitCode") or told.get("containerExitCode") or "0"
    return Happened(
        nanos=int(whole.get("timeNano") or int(whole.get("time") or 0) * 10**9),
        action=ACTIONS.get(action, action.partition(":")[0]),
        id=identity,
        place=settings.place(told.get("name", ""), told),
        exit_code=int(code) if code.isdecimal() else 0,
        signal=number_of(told.get("signal", "")),
    )


def number_of(text: str) -> int:
    """The number of a signal that is written as 15, SIGTERM or TERM; 0 where it is none."""
    if text.isdecimal():
        return int(text)
    name = text.upper().removeprefix("SIG")
    base, plus, offset = name.partition("+")
    if plus and base == "RTMIN" and offset.isdecimal():
        return signal.SIGRTMIN + int(offset)
    found = getattr(signal, f"SIG{name}", None)
    return int(found) if isinstance(found, signal.Signals) else 0


def moment(text: Any) -> float | None:
    """A time as Go writes it, in seconds since 1970; None for one that was not set."""
    if not isinstance(text, str) or not text or text.startswith(NEVER):
        return None
    try:
        return datetime.fromisoformat(FRACTION.sub(r"\1", text)).timestamp()
    except ValueError:
        return None


def named(image: str) -> tuple[str, str]:
    """The name and the tag of an image: `db:5000/shop:1.2@sha256:...` is `db:5000/shop`, `1.2`.

    One that is named by its digest alone has the first characters of that for a tag.
    """
    name, _, digest = image.partition("@")
    if name.startswith("sha256:") and not digest:
        name, digest = "", name
    short = digest.removeprefix("sha256:")[:12]
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        return name, short
    return path, tag
