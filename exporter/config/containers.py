"""`containers:` of an application: which are meant, laid over what its profile says of services."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from exporter.config.build import Builder, Raw
from exporter.config.nodes import Refused
from exporter.config.settings import ContainersPart
from exporter.sources.containers import Containers, Service

SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def containers(part: Raw | None, profile: ContainersPart, base: Path) -> Containers | None:
    """The settings of a source; mistakes go to the complaints of the place.

    Relative paths are taken from the folder `base`.
    """
    if part is None:
        return None
    try:
        settings = Builder().build(Containers, part.node, part.at)
    except Refused:
        return None
    check_names(settings.services, part)
    if not settings.finds():
        text = "says not which: write project: NAME as compose calls it, or name some `services`"
        part.at.say(part.node.line, text)
    return replace(
        settings,
        container=(*settings.container, *profile.container),
        network=settings.network or profile.network,
        services=_merged(profile.services, settings.services, part),
        tls=settings.tls and settings.tls.inside(base),
    )


def check_names(services: Mapping[str, Service], part: Raw) -> None:
    """Complain of names that no service can have."""
    for name in services:
        if not SERVICE.fullmatch(name):
            text = "a service's name has letters, digits, '_', '-' and '.'"
            part.at.child("services").child(name).say(part.line_of("services"), text)


def _merged(
    profile: Mapping[str, Service], own: Mapping[str, Service], part: Raw
) -> dict[str, Service]:
    """What both say, the configuration before the profile, also in the order of finding."""
    whole = dict(own)
    for name, said in profile.items():
        try:
            whole[name] = own.get(name, Service()).over(said)
        except ValueError as error:
            text = f"{error}: the profile says of it what it is"
            part.at.child("services").child(name).say(part.line_of("services"), text)
    return whole
