"""Deploys: containers that were replaced by those of a new image or configuration. Pure.

A restart of the same container is none, nor is another one made of the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct, field

from exporter.sources.containers.facts import Seen
from exporter.sources.containers.settings import Containers

MADE = "made"


class Deploys(Struct):
    """What the newest container of each replica was made of."""

    settings: Containers
    _made: dict[tuple[str, str], int] = field(default_factory=dict)

    def recall(self, notes: Mapping[str, float]) -> None:
        """Go on from what was noted."""
        for key, value in notes.items():
            kind, _, rest = key.partition(" ")
            if kind == MADE:
                number, _, service = rest.partition(" ")
                self._made[service, number] = int(value)

    def notes(self) -> dict[str, float]:
        """What a restart of ours needs."""
        return {
            f"{MADE} {number} {service}": float(made)
            for (service, number), made in self._made.items()
        }

    def look(self, found: Collection[Seen]) -> set[str]:
        """The services of which a container has given way to a different one."""
        replaced = set[str]()
        for (service, number), one in self._newest(found).items():
            before = self._made.get((service, number))
            self._made[service, number] = one.made_of
            if before not in {None, one.made_of}:
                replaced.add(service)
        return replaced

    def settled(self, found: Collection[Seen]) -> Iterator[str]:
        """The services whose newest containers all run, and are not still starting."""
        up: dict[str, bool] = {}
        for (service, _), one in self._newest(found).items():
            well = one.state == "running" and one.health in {None, "healthy"}
            up[service] = up.get(service, True) and well
        yield from (service for service, well in up.items() if well)

    def forget(self, services: Collection[str]) -> None:
        """Keep only what is known of these."""
        for key in [each for each in self._made if each[0] not in services]:
            del self._made[key]

    def _newest(self, found: Collection[Seen]) -> dict[tuple[str, str], Seen]:
        """The newest container of each replica; not of one-shots, nor of what comes and goes."""
        return {
            (one.place.service, one.place.number or ""): one
            for one in sorted(found, key=lambda one: one.created)
            if not one.place.loose and not self.settings.of(one.place.service).oneshot
        }
