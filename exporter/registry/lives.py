"""What each series of a registry has been through: born, moved, idle, hidden, forgotten.

All of it lies in columns, one number a series, so that a hundred thousand series are looked
through in milliseconds and copied in microseconds, and are no work for the garbage collector.
`Series.slot` is a series' row in every column.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from msgspec import Struct

from exporter.model import Family, Lasting, Series

NAN = math.nan
BIRTH_SECONDS = 30.0
HIDE_SECONDS = 3600.0
FORGET_SECONDS = 24 * 3600.0
SWEEP_SECONDS = 60.0
NEVER = math.inf  # when a declared series was last idle, and one whose slot is free
# A snapshot does so much of what can wait, each microseconds of work: it looks for idle series in
# so many slots, and resumes so many.
MOST_AT_ONCE = 5000
PIECE = 1000  # slots that are saved as one


class Lives:
    """The lives of one registry's series; times in seconds since 1970.

    `births` counts how often a series was shown for the first time or hidden, which a restart must
    remember. The arena that some calls are handed is a copy of the registry's, and is written to.
    """

    def __init__(self) -> None:
        self.births = 0
        self._series: list[Series | None] = []
        self._free: list[int] = []
        self._pieces: list[Lasting | None] = []
        self._swept = -math.inf  # when the last sweep began
        self._next = 0  # the slot at which it goes on
        # The columns: where the numbers begin; when the series last moved; what the last sweep saw
        # (of a histogram the sum of all); the service whose logs move it; whether it is put there
        # anew by each run.
        self._index = array("q")
        self._changed = array("d")
        self._seen = array("d")
        self._owner = array("i")
        self._lent = bytearray()
        self._wide: set[int] = set()  # the histograms
        self._services: dict[str, int] = {}  # their numbers in the column, from 1 on
        self._more_owners: dict[int, tuple[int, ...]] = {}
        # Where a series is in its life; in none of these, it is shown as it is.
        self._new: list[int] = []  # to be born by the next snapshot
        self._births: list[tuple[float, list[int]]] = []  # when, and who; shown at 0 or at its base
        self._bases: dict[int, bytes] = {}
        self._hidden: dict[int, float] = {}  # at what number
        self._hidden_wide: dict[int, bytes] = {}  # the same for histograms

    # -- what the registry tells --------------------------------------------------------------

    def add(self, series: Series, now: float, *, declared: bool) -> None:
        """A series was created; it is given its slot."""
        changed = NEVER if declared else now
        if self._free:
            slot = self._free.pop()
            self._series[slot] = series
            self._index[slot], self._changed[slot] = series.index, changed
            self._seen[slot] = NAN
        else:
            slot = len(self._series)
            self._series.append(series)
            self._index.append(series.index)
            self._changed.append(changed)
            self._seen.append(NAN)
            self._owner.append(0)
            self._lent.append(0)
        series.slot = slot
        self._spoil_piece(slot)
        if series.family.kind == "histogram":
            self._wide.add(slot)
        if series.family.kind != "gauge":
            self._new.append(slot)

    def declare(self, series: Series) -> None:
        """It is never idle from now on."""
        self._changed[series.slot] = NEVER
        self._hidden.pop(series.slot, None)
        self._hidden_wide.pop(series.slot, None)

    def own(self, series: Series, service: str) -> None:
        """Its numbers are moved by the logs of this service.

        A stamp tells its own time and has no owner: late, it is still true, and no event is lost.
        """
        number = self._services.setdefault(service, len(self._services) + 1)
        first = self._owner[series.slot]
        if first == number or series.family.name.endswith("_timestamp_seconds"):
            return
        more = self._more_owners.get(series.slot, ())
        if not first:
            self._owner[series.slot] = number
        elif number not in more:
            self._more_owners[series.slot] = (*more, number)

    def lend(self, series: Series) -> None:
        """It is put there anew by each run, so a restart need not remember it."""
        self._lent[series.slot] = 1

    # -- what time does -----------------------------------------------------------------------

    def sweep(self, now: float, present: array[float]) -> list[Series]:
        """Hide what has not moved for an hour, resume what moves; who is to be forgotten.

        `present` has what each series is at now. Once a minute the sweep begins anew, and goes on
        for as many snapshots as it takes.
        """
        self._resume(now, present)
        self._meet(now, present)
        if not self._next:
            if 0 <= now - self._swept < SWEEP_SECONDS:
                return []
            self._swept = now
        start, stop = self._next, min(self._next + MOST_AT_ONCE, len(self._series))
        self._next = stop if stop < len(self._series) else 0
        self._note_moved(now, slice(start, stop), present)
        columns = enumerate(self._changed[start:stop], start)
        idle = [slot for slot, at in columns if now - at >= HIDE_SECONDS]
        # Who is being born is not idle, however long ago it moved.
        young = set(chain(self._new, *(slots for _, slots in self._births))) if idle else set()
        gone = [self._idle(slot, now, present) for slot in idle if slot not in young]
        return [series for series in gone if series is not None]

    def _resume(self, now: float, present: array[float]) -> None:
        """What is hidden and has moved is born again, at what it was hidden at."""
        index = self._index
        woken = [
            slot
            for slot, before in self._hidden.items()
            if (value := present[index[slot]]) != before and not math.isnan(value)
        ]
        for slot in woken[:MOST_AT_ONCE]:
            self._wake(slot, array("d", [self._hidden.pop(slot)]).tobytes(), now)
        woken = [
            slot
            for slot, base in self._hidden_wide.items()
            if (numbers := self._numbers(slot, present)).tobytes() != base
            if not math.isnan(sum(numbers))
        ]
        for slot in woken[:MOST_AT_ONCE]:
            self._wake(slot, self._hidden_wide.pop(slot), now)

    def _meet(self, now: float, present: array[float]) -> None:
        """What is new has moved just now; the next sweep tells whether it has since."""
        for slot in self._new[:MOST_AT_ONCE]:
            wide = slot in self._wide
            self._seen[slot] = (
                sum(self._numbers(slot, present)) if wide else present[self._index[slot]]
            )
            if self._changed[slot] < NEVER:
                self._changed[slot] = now

    def _wake(self, slot: int, base: bytes, now: float) -> None:
        self._changed[slot] = now
        self._bases[slot] = base
        self._new.append(slot)

    def _note_moved(self, now: float, part: slice, present: array[float]) -> None:
        """When each series was last seen to move; a number that is unknown has not moved."""
        found = array("d", [present[at] for at in self._index[part]])
        for slot in self._wide.intersection(range(part.start, part.stop)):
            found[slot - part.start] = sum(self._numbers(slot, present))
        columns = zip(found, self._seen[part], self._changed[part], strict=True)
        self._changed[part] = array(
            "d",
            [  # what no sweep has seen yet has moved; what is not a number has not
                now if value != before and value == value and at < NEVER else at  # noqa: PLR0124
                for value, before, at in columns
            ],
        )
        self._seen[part] = found

    def _idle(self, slot: int, now: float, present: array[float]) -> Series | None:
        """Hide a series that has been idle for long; it, where it is to be forgotten."""
        series = self._at(slot)
        gauge, value = series.family.kind == "gauge", present[series.index]
        if gauge and not math.isnan(value):
            self._changed[slot] = now  # it is told, and may stand still
        elif now - self._changed[slot] >= FORGET_SECONDS:
            self._leave(slot)
            return series
        elif not gauge and slot not in self._hidden and slot not in self._hidden_wide:
            self.births += 1
            if slot in self._wide:
                self._hidden_wide[slot] = self._numbers(slot, present).tobytes()
            else:
                self._hidden[slot] = value
        return None

    def _leave(self, slot: int) -> None:
        self._hidden.pop(slot, None)
        self._hidden_wide.pop(slot, None)
        self._wide.discard(slot)
        self._more_owners.pop(slot, None)
        self._series[slot] = None
        self._changed[slot], self._owner[slot], self._lent[slot] = NEVER, 0, 0
        self._spoil_piece(slot)
        self._free.append(slot)

    # -- what is shown ------------------------------------------------------------------------

    def settle(self, now: float, late: Iterable[str], shown: array[float]) -> None:
        """Show what is being born at its base, what is hidden not at all.

        What the services that are `late` move is not born, but there: it is no news.
        """
        self._bear(now, shown)
        self._end_births(now, self._numbers_of(late))
        index = self._index
        for _, slots in self._births:
            for slot in slots:
                shown[index[slot]] = 0.0
        for slot, base in self._bases.items():
            at = index[slot]
            shown[at : at + len(base) // shown.itemsize] = array("d", base)
        for hidden in (self._hidden, self._hidden_wide):
            for slot in hidden:
                shown[index[slot]] = NAN

    def _bear(self, now: float, shown: array[float]) -> None:
        """Begin the births of those that have more to show than 0."""
        index, wide, bases = self._index, self._wide, self._bases
        begun = [
            slot
            for slot in self._new
            if shown[index[slot]]
            or slot in bases
            or (slot in wide and any(self._numbers(slot, shown)))
        ]
        for slot in wide.intersection(begun).difference(bases):
            bases[slot] = bytes(len(self._numbers(slot, shown)) * shown.itemsize)
        if begun:
            self._births.append((now, begun))
        self.births += len(self._new)
        self._new = []

    def _end_births(self, now: float, late: set[int]) -> None:
        """Of those whose time is over, and of those that the services `late` move."""
        over = [slots for born, slots in self._births if now - born >= BIRTH_SECONDS]
        self._births = [one for one in self._births if now - one[0] < BIRTH_SECONDS]
        if late:
            for _, slots in self._births:
                over.append([slot for slot in slots if self._is_owned(slot, late)])
                slots[:] = [slot for slot in slots if not self._is_owned(slot, late)]
        if self._bases:
            for slot in chain.from_iterable(over):
                self._bases.pop(slot, None)

    def withhold(self, services: Iterable[str], shown: array[float]) -> None:
        """Do not show what these services' logs move."""
        numbers = self._numbers_of(services)
        if not numbers:
            return
        owned = [slot for slot, owner in enumerate(self._owner) if owner in numbers]
        owned += [slot for slot in self._more_owners if self._is_owned(slot, numbers)]
        for slot in owned:
            shown[self._index[slot]] = NAN

    def _numbers_of(self, services: Iterable[str]) -> set[int]:
        return {self._services[one] for one in services if one in self._services}

    def _is_owned(self, slot: int, numbers: set[int]) -> bool:
        return self._owner[slot] in numbers or not numbers.isdisjoint(
            self._more_owners.get(slot, ())
        )

    def _numbers(self, slot: int, arena: array[float]) -> array[float]:
        series = self._at(slot)
        return arena[series.index : series.index + size(series.family)]

    def _at(self, slot: int) -> Series:
        series = self._series[slot]
        assert series is not None  # noqa: S101  nothing is asked of a slot that is free
        return series

    # -- saving -------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Everything as plain values but the pieces, which last from one save to the next."""
        pieces = self._pieces
        for number, piece in enumerate(pieces):
            if piece is None:
                start = number * PIECE
                some = tuple(self._series[start : start + PIECE])
                pieces[number] = Lasting(partial(_told, some))
        return {
            "series": list(pieces),
            "changed": self._changed.tobytes(),
            "seen": self._seen.tobytes(),
            "lent": bytes(self._lent),
            "services": list(self._services),
            "owner": self._owner.tobytes(),
            "more_owners": dict(self._more_owners),
            "new": list(self._new),
            "births": [[born, list(slots)] for born, slots in self._births],
            "bases": dict(self._bases),
            "hidden": {**self._hidden, **self._hidden_wide},
        }

    def revive(self, series: Series, past: Past, now: float) -> None:
        """Go on with a series that was just created."""
        slot = series.slot
        # What was declared will be so again when its service is met; until then it is not idle.
        self._changed[slot] = now if past.changed == NEVER else past.changed
        self._seen[slot] = past.seen
        for service in past.owners:
            self.own(series, service)
        if not past.new and self._new[-1:] == [slot]:
            self._new.pop()
        if past.born is not None:
            if not self._births or self._births[-1][0] != past.born:
                self._births.append((past.born, []))
            self._births[-1][1].append(slot)
        if past.base is not None:
            self._bases[slot] = past.base
        if isinstance(past.hidden, bytes):
            self._hidden_wide[slot] = past.hidden
        elif past.hidden is not None:
            self._hidden[slot] = past.hidden

    def _spoil_piece(self, slot: int) -> None:
        number = slot // PIECE
        if number == len(self._pieces):
            self._pieces.append(None)
        self._pieces[number] = None


class Past(Struct, frozen=True):
    """What was saved of one series: what it is, and where it was in its life."""

    family: str
    labels: tuple[str, ...]
    index: int
    created: float
    changed: float
    seen: float
    owners: tuple[str, ...]
    new: bool
    born: float | None
    base: bytes | None
    hidden: float | bytes | None


def pasts(saved: Mapping[str, Any]) -> Iterator[Past]:
    """What `Lives.dump` gave, series by series, but those that a restart need not remember."""
    changed, seen = array("d", saved["changed"]), array("d", saved["seen"])
    owner = array("i", saved["owner"])
    services, more, new = ["", *saved["services"]], saved["more_owners"], set(saved["new"])
    born = {slot: at for at, slots in saved["births"] for slot in slots}
    for piece in saved["series"]:
        for family, rows in piece.make() if isinstance(piece, Lasting) else piece:
            for slot, labels, index, created in rows:
                if not saved["lent"][slot]:
                    yield Past(
                        family,
                        tuple(labels),
                        index,
                        created,
                        changed[slot],
                        seen[slot],
                        tuple(services[n] for n in (owner[slot], *more.get(slot, ())) if n),
                        slot in new,
                        born.get(slot),
                        saved["bases"].get(slot),
                        saved["hidden"].get(slot),
                    )


def _told(some: Sequence[Series | None]) -> list[tuple[str, list[Any]]]:
    """Series, by slot, as rows under the names of their families."""
    rows = [
        (one.family.name, (one.slot, one.labels, one.index, one.created))
        for one in some
        if one is not None
    ]
    return [(name, [row for _, row in group]) for name, group in groupby(rows, itemgetter(0))]


def size(family: Family) -> int:
    """How many numbers a series has in the arena."""
    return len(family.buckets) + 2 if family.kind == "histogram" else 1
