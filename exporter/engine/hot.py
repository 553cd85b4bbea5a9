"""The moves of the fast paths: one closure for each effect, over the values of one line.

A closure takes `source` (a decoded JSON object, or the raw values of a key-value line) and the
record's time, and moves one series. It does all or nothing and cannot fail: what cannot be done
exactly is decided before. Each asks as few Python functions as it can, since calling them is what
a line costs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from msgspec import Struct

from exporter.engine.choosing import Choice, Places, Switch
from exporter.engine.moves import Mover, gathered
from exporter.engine.plan import Effect, Lookup, Rules, Update, meets
from exporter.engine.rules import Where
from exporter.engine.spelling import Spellings, length

MOST_SETS = 256  # of rules that messages fit beside each other, which have no end
_CACHED_TESTS, _CACHED_CHOICES = 4096, 16384
_LONGEST_TESTED = 256  # a longer value is tested anew each time
_BIG = 1 << 53  # a smaller whole number need not be made a float

Get = Callable[[Any], Any]
Move = Callable[[Any, float | None], None]
Spelled = tuple[Any, type]  # 1, 1.0 and True are one key of a dict
# Whether the time of a record is asked for; what the record moves; and what it moves when it is
# too old to set a gauge.
Moves = tuple[bool, tuple[Move, ...], tuple[Move, ...]]


class Access(Struct, frozen=True):
    """How a fast path reads its sources.

    `values` gives a getter of some names' values as spelled: one alone as it is, several as a
    tuple. `plain` makes of such a value what the exact reading has, `number` and `text` what the
    exact reading makes of that.
    """

    values: Callable[[list[str]], Get]
    plain: Callable[[Any], Any]
    number: Callable[[Any], float | None]
    text: Callable[[Any], str | None]


class Maker:
    """Makes the moves of rules, for one service, and forgets their cells when it is told to."""

    def __init__(self, mover: Mover) -> None:
        self._mover = mover
        # Whatever sets of rules they move in.
        self._spellings: dict[Effect, Spellings] = {}
        self._tested: dict[Where, dict[Spelled, bool]] = {}
        self._chosen = Chosen()

    def forget(self, *, streams_only: bool = False) -> None:
        """Forget all cells, or those that belong to one stream: they may mean others now."""
        for spellings in self._spellings.values():
            if spellings.per_stream or not streams_only:
                spellings.cells.clear()

    def moves(self, rules: Rules, access: Access) -> Moves:
        """What these rules move, each behind its conditions."""
        each: list[list[Move]] = []
        late: list[list[Move]] = []
        for one in rules.all:
            moves = [self._move(effect, access) for effect in one.effects]
            older = [
                self._late(effect, access) if effect.action == "set" else move
                for effect, move in zip(one.effects, moves, strict=True)
            ]
            tests = [
                _test(where, access, self._tested.setdefault(where, {}))
                for where in one.rule.where
                if where.field != "service"
            ]
            each.append([_guarded(tests, moves)] if tests else moves)
            late.append([_guarded(tests, older)] if tests else older)
        timed = any(effect.timed for one in rules.all for effect in one.effects)
        if not rules.choice.switches:
            return timed, tuple(chain(*each)), tuple(chain(*late))
        choose = _chooser(rules.choice, access, self._chosen)
        return timed, (_chosen(choose, each),), (_chosen(choose, late),)

    def _move(self, effect: Effect, access: Access) -> Move:
        if effect.action not in ("count", "observe", "set"):
            return self._rare(effect, access)
        names = label_fields(effect)
        spellings = self._spellings.get(effect)
        if spellings is None:
            spellings = Spellings(effect, self._mover, self._named(names, access))
            self._spellings[effect] = spellings
        key = access.values(names)
        if effect.action == "set":
            return _gauge(effect, self._mover, spellings, key, access)
        if effect.action == "observe":
            return _observe(effect, self._mover, spellings, key, access)
        if effect.value is None:
            return _count(self._mover, spellings, key)
        return _add(effect, self._mover, spellings, key, access)

    def _rare(self, effect: Effect, access: Access) -> Move:
        """Anything else (events, heartbeats, drains): by an update, as the exact reading does."""
        asked = asked_fields(effect)
        values, named, move = access.values(asked), self._named(asked, access), self._mover.move

        def rare(source: Any, at: float | None) -> None:
            update = update_of(effect, named(values(source)))
            if update is not None:
                move(update, at)

        return rare

    def _late(self, effect: Effect, access: Access) -> Move:
        """A gauge that would have been set, had the record come in time."""
        names, count, number = label_fields(effect), self._mover.late, access.number
        key, amount = access.values(names), access.values([effect.value or ""])
        named = self._named(names, access)
        always = not names and effect.label_texts(named(None)) is not None

        def late(source: Any, _: float | None) -> None:
            if number(amount(source)) is None:
                return
            if always or effect.label_texts(named(key(source))) is not None:
                count()

        return late

    def _named(self, names: list[str], access: Access) -> Callable[[Any], Lookup]:
        """What gives values as spelled their names back, to look labels up by."""
        if len(names) != 1:
            return named(names, access.plain, self._mover.service)
        several = named(names, access.plain, self._mover.service)
        return lambda key: several((key,))


def together(made: Iterable[Moves]) -> Moves:
    """What several groups of rules move, one behind the other."""
    made = [*made]
    return (
        any(timed for timed, _, _ in made),
        tuple(chain.from_iterable(moves for _, moves, _ in made)),
        tuple(chain.from_iterable(late for _, _, late in made)),
    )


def named(
    names: list[str], plain: Callable[[Any], Any], service: str
) -> Callable[[Iterable[Any] | None], Lookup]:
    """What gives a tuple of values as spelled their names back, to look labels up by."""

    def lookup(parts: Iterable[Any] | None) -> Lookup:
        found = {name: plain(part) for name, part in zip(names, parts or (), strict=True)}
        found["service"] = service
        return found.get

    return lookup


def update_of(effect: Effect, lookup: Lookup) -> Update | None:
    """The update that an effect makes of a record's fields; None where it makes none."""
    value = effect.amount(lookup)
    labels = effect.label_texts(lookup) if value is not None else None
    return Update(effect, labels, value) if value is not None and labels is not None else None


def label_fields(effect: Effect) -> list[str]:
    """The fields that an effect's labels ask for."""
    return sorted({label.field for label in effect.labels if label.field} - {"service"})


def asked_fields(effect: Effect) -> list[str]:
    """The fields that its labels and its value ask for."""
    return sorted({*label_fields(effect), *([effect.value] if effect.value else [])} - {"service"})


def _count(mover: Mover, spellings: Spellings, key: Get) -> Move:
    cells, miss, values = spellings.cells, spellings.miss, mover.registry.values

    def count(source: Any, _: float | None) -> None:
        spelled = key(source)
        cell = cells.get(spelled)
        if cell is None:
            cell = miss(spelled)
        if cell >= 0:
            values[cell] += 1.0

    return count


def _add(effect: Effect, mover: Mover, spellings: Spellings, key: Get, access: Access) -> Move:
    amount, number, scale = access.values([effect.value or ""]), access.number, effect.scale
    values = mover.registry.values

    def add(source: Any, _: float | None) -> None:
        value = number(amount(source))
        if value is not None and value >= 0:
            cell = spellings.cell(key(source))
            if cell >= 0:
                values[cell] += value * scale

    return add


def _observe(effect: Effect, mover: Mover, spellings: Spellings, key: Get, access: Access) -> Move:
    amount, number, scale = access.values([effect.value or ""]), access.number, effect.scale
    cells, miss, values = spellings.cells, spellings.miss, mover.registry.values
    bounds, last = effect.family.buckets, len(effect.family.buckets) + 1
    keep = _keep(effect, mover, access) if effect.exemplar else None

    def observe(source: Any, at: float | None) -> None:
        value = amount(source)
        if value.__class__ is not float and (value.__class__ is not int or value >= _BIG):
            value = number(value)
            if value is None:
                return
        if value < 0:
            return
        spelled = key(source)
        start = cells.get(spelled)
        if start is None:
            start = miss(spelled)
        if start >= 0:
            value *= scale
            cell = start + bisect_left(bounds, value)
            values[cell] += 1.0
            values[start + last] += value
            if keep is not None:
                keep(source, at, cell, value)

    return observe


def _keep(
    effect: Effect, mover: Mover, access: Access
) -> Callable[[Any, float | None, int, float], None]:
    """Let a line stand for the bucket that it fell into."""
    name, kept, moment = effect.exemplar or "", mover.registry.exemplars, mover.moment
    get, text = access.values([name]), access.text

    def keep(source: Any, at: float | None, cell: int, value: float) -> None:
        shown = text(get(source))
        if shown:
            when = at if at is not None and at <= moment.now else moment.of(at)
            kept[cell] = (name, shown, value, when)

    return keep


def _gauge(effect: Effect, mover: Mover, spellings: Spellings, key: Get, access: Access) -> Move:
    amount, number, scale = access.values([effect.value or ""]), access.number, effect.scale
    cells, miss, values = spellings.cells, spellings.miss, mover.registry.values
    aggregate = effect.setting.aggregate if effect.setting else "last"

    def gauge(source: Any, _: float | None) -> None:
        value = amount(source)
        if value.__class__ is not float and (
            value.__class__ is not int or not -_BIG < value < _BIG
        ):
            value = number(value)
            if value is None:
                return
        spelled = key(source)
        cell = cells.get(spelled)
        if cell is None:
            cell = miss(spelled)
        if cell >= 0:
            value *= scale
            values[cell] = (
                value if aggregate == "last" else gathered(aggregate, values[cell], value)
            )

    return gauge


def _chosen(choose: Callable[[Any], Sequence[int]], each: list[list[Move]]) -> Move:
    """The moves of the rules that a line chooses."""

    def chosen(source: Any, at: float | None) -> None:
        for place in choose(source):
            for move in each[place]:
                move(source, at)

    return chosen


class Chosen:
    """What fields choose in each set of rules, by spelling and type; forgotten together.

    How many sets there are has no bound of use.
    """

    def __init__(self) -> None:
        self._known: list[dict[Spelled, Places]] = []
        self._count = 0

    def begin(self) -> dict[Spelled, Places]:
        """What one field chooses in one set."""
        self._known.append({})
        return self._known[-1]

    def remember(self, known: dict[Spelled, Places], key: Spelled, found: Places) -> None:
        """Remember it, unless it is long; forget all before where that is too much."""
        if length(key[0]) > _LONGEST_TESTED:
            return
        if self._count >= _CACHED_CHOICES:
            for one in self._known:
                one.clear()
            self._count = 0
        known[key] = found
        self._count += 1


def _chooser(choice: Choice, access: Access, chosen: Chosen) -> Callable[[Any], Sequence[int]]:
    """The rules that a line chooses; asked once for each spelling and type of a field's value."""
    always, plain = [*choice.always], access.plain
    switches: list[tuple[Get, dict[Spelled, Places], Switch]] = [
        (access.values([field]), chosen.begin(), switch)
        for field, switch in choice.switches.items()
    ]

    def choose(source: Any) -> Sequence[int]:
        places = always.copy()
        for get, known, switch in switches:
            value = get(source)
            if value is None:
                continue
            key = (value, value.__class__)
            found = known.get(key)
            if found is None:
                found = switch.places(plain(value))
                chosen.remember(known, key, found)
            places += found
        places.sort()
        return places

    return choose


def _guarded(tests: list[Callable[[Any], bool]], moves: list[Move]) -> Move:
    """All the moves where all the tests hold."""

    def guarded(source: Any, at: float | None) -> None:
        for test in tests:
            if not test(source):
                return
        for move in moves:
            move(source, at)

    return guarded


def _test(where: Where, access: Access, known: dict[Spelled, bool]) -> Callable[[Any], bool]:
    """Whether a field meets a condition; asked once for each spelling and type of its value."""
    get, plain = access.values([where.field]), access.plain

    def test(source: Any) -> bool:
        value = get(source)
        key = (value, value.__class__)
        found = known.get(key)
        if found is None:
            found = meets(where, plain(value))
            if len(known) >= _CACHED_TESTS:
                known.clear()
            if length(value) <= _LONGEST_TESTED:
                known[key] = found
        return found

    return test
