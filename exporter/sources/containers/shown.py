"""What is shown of the containers that are there now. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct, field

from exporter.sources.containers.facts import HEALTHS, STATES, Seen
from exporter.sources.containers.ledger import Ledger
from exporter.sources.containers.settings import TRAITS, Containers

MOST_REPLICAS = 100  # those of an application that are shown one by one; all are counted

# A metric and its labels, as a set can hold them.
Key = tuple[str, tuple[tuple[str, str], ...]]


class Numbers(Struct):
    """The replica numbers of containers that compose does not count: each keeps its own."""

    _given: dict[str, tuple[str, int]] = field(default_factory=dict)

    def of(self, found: Collection[Seen]) -> dict[str, str]:
        """The number of each, by its id; a number that has become free is given again."""
        present = {one.id for one in found}
        for gone in self._given.keys() - present:
            del self._given[gone]
        taken = {(one.place.service, one.place.number) for one in found}
        taken |= {(service, str(number)) for service, number in self._given.values()}
        numbers = {}
        for one in sorted(found, key=lambda each: each.created):
            service, number = one.place.service, one.place.number
            if number is None and one.id not in self._given:
                free = next(n for n in range(1, len(taken) + 2) if (service, str(n)) not in taken)
                taken.add((service, str(free)))
                self._given[one.id] = (service, free)
            numbers[one.id] = number or str(self._given[one.id][1])
        return numbers


def gauges(
    settings: Containers, found: Iterable[Seen], ledger: Ledger, numbers: Numbers
) -> dict[Key, float]:
    """All gauges of the present; of two that are one replica, the newer one's."""
    there = [one for one in found if not one.place.one_off]
    replicas = sorted(there, key=lambda one: one.created)
    shown: dict[Key, float] = {}
    for one, number in zip(replicas, _numbered(replicas, numbers), strict=True):
        if number is not None:
            shown.update(_states(one, number))
        labels = {"service": one.place.service, "image": one.image, "version": one.version}
        shown[_key("watched_container_info", labels)] = 1.0
    shown.update(_services(replicas, ledger))
    shown.update(traits(settings))
    return shown


def _numbered(replicas: list[Seen], numbers: Numbers) -> Iterator[str | None]:
    """The number of each, None for those that are too many."""
    given = numbers.of(replicas)
    for at, one in enumerate(replicas):
        yield given[one.id] if at < MOST_REPLICAS else None


def _states(one: Seen, number: str) -> Iterator[tuple[Key, float]]:
    labels = {"service": one.place.service, "replica": number}
    for state in STATES:
        key = _key("watched_container_state", {**labels, "state": state})
        yield key, float(one.state == state)
    for state in HEALTHS if one.health else ():
        key = _key("watched_container_health", {**labels, "state": state})
        yield key, float(one.health == state)


def _services(replicas: list[Seen], ledger: Ledger) -> Iterator[tuple[Key, float]]:
    running: dict[str, int] = defaultdict(int)
    started: dict[str, float] = {}
    for one in replicas:
        service = one.place.service
        running[service] += one.state == "running"
        if one.started is not None:
            started[service] = max(one.started, started.get(service, one.started))
    for service in ledger.services() | running.keys():
        labels = {"service": service}
        yield _key("watched_service_running_replicas", labels), running[service]
        yield _key("watched_service_expected_replicas", labels), ledger.expected(service)
    for service, at in started.items():
        labels = {"service": service}
        yield _key("watched_container_started_timestamp_seconds", labels), at


def traits(settings: Containers) -> dict[Key, float]:
    """What is declared of services, seen or not."""
    return {
        _key("watched_service_trait", {"service": service, "trait": trait}): 1.0
        for service, said in settings.services.items()
        for trait in TRAITS
        if getattr(said, trait)
    }


def _key(metric: str, labels: dict[str, str]) -> Key:
    return metric, tuple(labels.items())
