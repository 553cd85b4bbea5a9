"""`discover`: what is planned for an application that is found by its containers' labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from exporter.config.build import Builder, Raw
from exporter.config.forward import Known
from exporter.config.nodes import Items, Refused, Scalar
from exporter.config.profiles import AppPlan, built_in, plan
from exporter.config.settings import APP, App, Discover, PlacedSource, Profile
from exporter.sources.containers import Containers
from exporter.sources.docker import Docker
from exporter.sources.docker.settings import PROFILE, Selection

GENERIC = "generic"  # lines are read and counted by level, as without a profile


class Discovery(Struct, frozen=True):
    """The settings; and what each profile plans that a label may name, by its name."""

    settings: Discover
    drafts: Mapping[str, AppPlan]
    profiles: Mapping[str, Profile]
    line: int

    @property
    def selection(self) -> Selection:
        """Every container that names a profile."""
        settings = self.settings
        label = (PROFILE, *settings.label)
        return Selection(label=label, url=settings.url, tls=settings.tls)

    def plan(self, app: str, profile: str, *, old: bool) -> AppPlan:
        """The plan of an application; logs that are `old` are read as the settings say.

        Those of one that appears later are read from their beginning.
        """
        settings = self.settings
        label = (f"{PROFILE}={profile}", *settings.label)
        logs = Docker(
            Selection(label=label, url=settings.url, tls=settings.tls, app=app),
            from_=settings.from_ if old else "beginning",
        )
        containers = Containers(
            label=label,
            services=self.profiles[profile].containers.services,
            url=settings.url,
            tls=settings.tls,
            app=app,
        )
        return replace(
            self.drafts[profile],
            name=app,
            logs=(PlacedSource(logs, "discover", self.line),),
            containers=containers,
        )


def is_name(text: str) -> bool:
    """Whether an application may be called so."""
    return APP.fullmatch(text) is not None


def discovery(
    settings: Discover | None,
    labels: Mapping[str, str],
    part: Raw,
    build: Builder,
    base: Path,
    known: Known,
) -> Discovery | None:
    """The settings with what they plan; mistakes go to the complaints of the place.

    Relative paths are taken from the folder `base`. `known` are the destinations of log records.
    """
    if settings is None:
        return None
    line, profiles = part.node.line, {GENERIC: Profile(GENERIC)}
    for name in built_in():
        try:
            node = Scalar(name, line, name, quoted=True)
            profiles[name] = build.convert(Profile, node, part.at)
        except Refused:
            continue
    for one in settings.profiles:
        if one.profile in profiles:
            text = f"a profile {one.profile} is there already; give yours another name"
            part.at.child("profiles").say(part.line_of("profiles"), text)
        profiles[one.profile] = one
    drafts = {
        name: plan(App(Raw(Items((), line), part.at), name, one), labels, base, known)
        for name, one in profiles.items()
    }
    tls = settings.tls and settings.tls.inside(base.absolute())
    return Discovery(replace(settings, tls=tls), drafts, profiles, line)
