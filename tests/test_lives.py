"""What time does to many series: the same as to one, a part at a time; and what a save keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from exporter.exposition import render
from exporter.model import Family
from exporter.registry import Registry, lives
from exporter.state import StateFile

START = 1_800_000_000.0
HOUR = 3600.0
CALLS = Family("watched_calls_total", "counter", "Calls.", ("name",))
DEPTH = Family("watched_depth", "gauge", "Depth.", ("name",))
TIMES = Family("watched_times_seconds", "histogram", "Times.", ("name",), buckets=(1.0, 5.0))
STAMP = Family("watched_seen_timestamp_seconds", "gauge", "Seen.", ("name",))
MANY = Family("watched_many_total", "counter", "Many.", ("name",), limit=10**5)
FAMILIES = {family.name: family for family in (CALLS, DEPTH, TIMES, STAMP)}


def _count(registry: Registry, name: str, now: float, by: float = 1.0, owner: str = "") -> None:
    registry.inc(CALLS, (name,), now, by, owner)


def _observe(registry: Registry, name: str, now: float, owner: str = "") -> None:
    index = registry.cell(TIMES, (name,), now, owner).index
    registry.values[index + 1] += 1
    registry.values[index + 3] += 2.5


def _shown(registry: Registry, now: float, **how: list[str]) -> dict[str, str]:
    text = render([registry.snapshot(now, **how)]).decode()  # type: ignore[arg-type]  # names only
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {series: number for series, _, number in lines}


def _call(name: str) -> str:
    return f'watched_calls_total{{name="{name}"}}'


@pytest.fixture
def by_three(monkeypatch: pytest.MonkeyPatch) -> None:
    """No snapshot does more than three of what can wait."""
    monkeypatch.setattr(lives, "MOST_AT_ONCE", 3)


def test_all_that_come_at_once_are_born_at_once() -> None:
    registry = Registry()
    names = [f"n{number}" for number in range(12_000)]
    registry.snapshot(START)
    for number, name in enumerate(names):
        registry.inc(
            MANY,
            (name,),
            START,
            number + 1,
        )
    assert set(_shown(registry, START + 1).values()) == {"0.0"}
    for name in names[:5000]:
        registry.inc(MANY, (name,), START + 20)
    assert set(_shown(registry, START + 20).values()) == {"0.0"}
    late = _shown(registry, START + 31)
    assert [late[f'watched_many_total{{name="{name}"}}'] for name in names] == [
        f"{number + 1 + (number < 5000)}.0" for number in range(12_000)
    ]


@pytest.mark.usefixtures("by_three")
def test_the_idle_are_hidden_a_few_at_a_time_and_no_other_ever() -> None:
    registry, idle, busy = Registry(), [f"i{n}" for n in range(9)], [f"b{n}" for n in range(4)]
    now = START
    left = []
    for minute in range(80):
        for name in busy if minute else [*idle, *busy]:
            _count(registry, name, now)
        page = _shown(registry, now)
        assert all(_call(name) in page for name in busy)
        left.append(sum(_call(name) in page for name in idle))
        now += 60
    assert left[59] == 9
    assert left[-1] == 0
    assert {before - after for before, after in pairwise(left)} <= {0, 1, 2, 3}


@pytest.mark.usefixtures("by_three")
def test_those_that_move_again_resume_a_few_at_a_time_and_lose_nothing() -> None:
    registry, names = Registry(), [f"n{number}" for number in range(8)]
    for name in names:
        _count(registry, name, START, 5)
        _observe(registry, name, START)
    now = START
    while _shown(registry, now):
        now += 61
    for name in names:
        _count(registry, name, now, 2)
        _observe(registry, name, now)
    seen = [_shown(registry, now + second) for second in range(4)]
    assert [sum(_call(name) in page for name in names) for page in seen] == [3, 6, 8, 8]
    assert all(number == "5.0" for page in seen for key, number in page.items() if "calls" in key)
    counts = [number for key, number in seen[-1].items() if "_count" in key]
    assert counts == ["1"] * 8
    end = _shown(registry, now + 40)
    assert [end[_call(name)] for name in names] == ["7.0"] * 8
    assert [number for key, number in end.items() if "_count" in key] == ["2"] * 8


@pytest.mark.usefixtures("by_three")
def test_the_forgotten_leave_their_places_to_others() -> None:
    registry, names = Registry(), [f"n{number}" for number in range(7)]
    for name in names:
        _count(registry, name, START, 5, "web")
    size = len(registry.values)
    for began in (START, START + 25 * HOUR):
        for turn in range(8):
            _shown(registry, began + 61 * turn)
    assert all(registry.value("watched_calls_total", (name,)) is None for name in names)
    assert registry.epoch == 7
    now = START + 26 * HOUR
    for name in names:
        _count(registry, f"new-{name}", now, 1, "mail")
    assert len(registry.values) == size
    assert len(_shown(registry, now, withheld=["web"])) == 7, (
        "they are not the first ones' service's"
    )
    assert _shown(registry, now, withheld=["mail"]) == {}


@pytest.mark.parametrize("seen", [(), (1, 31)], ids=["never scraped", "scraped at first"])
@pytest.mark.parametrize("hours", [2, 25])
def test_what_counts_while_nobody_looks_is_neither_hidden_nor_forgotten(
    hours: int, seen: tuple[int, ...]
) -> None:
    registry = Registry()
    registry.snapshot(START)
    for minute in range(hours * 60):
        _count(registry, "a", START + 60 * minute)
        if not minute:
            for second in seen:
                _shown(registry, START + second)
    end = START + 3600 * hours
    for second in range(0, 300, 15):
        shown = _shown(registry, end + second)
    assert shown == {_call("a"): f"{hours * 60}.0"}
    _count(registry, "a", end + 300)
    assert _shown(registry, end + 300) == {_call("a"): f"{hours * 60 + 1}.0"}


def test_a_series_is_withheld_with_each_service_that_moves_it_and_a_stamp_with_none() -> None:
    registry = Registry()
    for owner in ("web", "mail", "web"):
        _count(registry, "both", START, 1, owner)
    _count(registry, "one", START, 1, "web")
    index = registry.cell(STAMP, ("both",), START, "mail").index
    registry.values[index] = START
    _shown(registry, START)

    def left(*services: str) -> set[str]:
        return set(_shown(registry, START + 40, withheld=[*services]))

    stamp = 'watched_seen_timestamp_seconds{name="both"}'
    assert left() == {_call("both"), _call("one"), stamp}
    assert left("mail") == {_call("one"), stamp}
    assert left("web") == {stamp}
    assert left("nobody") == left()


def test_a_gauge_that_stands_still_is_not_idle_and_one_that_is_unknown_is_forgotten() -> None:
    registry = Registry()
    for name in ("still", "gone"):
        registry.put(DEPTH, (name,), START, 7.0)
    for hour in range(30):
        _shown(registry, START + hour * HOUR)
        registry.drop(DEPTH, ("gone",))
    assert set(_shown(registry, START + 30 * HOUR)) == {'watched_depth{name="still"}'}
    assert registry.value("watched_depth", ("gone",)) is None


# -- saving ---------------------------------------------------------------------------------------


def test_what_never_changes_is_made_for_the_first_save_only(tmp_path: Path) -> None:
    registry, file = Registry(), StateFile(tmp_path, "shop")
    for number in range(2 * lives.PIECE):
        registry.inc(
            MANY,
            (f"n{number}",),
            START,
        )
    first = registry.dump()
    file.save(first, sync=False)
    _count(registry, "n1", START)
    _observe(registry, "new", START)
    second = registry.dump()
    file.save(second, sync=False)
    before, after = first["lives"]["series"], second["lives"]["series"]
    assert [piece in before for piece in after] == [True, True, False]
    assert file.load()[0] is not None


class Player:
    """Plays with a registry, and has it taken up from its saved state now and then."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice, self.now, self.registry = Random(seed), START, Registry()
        self.file = StateFile(folder, "shop")

    def moves(self) -> Iterator[Callable[[], None]]:
        kinds = {
            self.count: 8,
            self.observe: 4,
            self.put: 2,
            self.declare: 1,
            self.wait: 5,
            self.restart: 2,
        }
        yield from self.dice.choices(list(kinds), list(kinds.values()), k=150)

    def name(self) -> str:
        return f"n{self.dice.randrange(12)}"

    def owner(self) -> str:
        return self.dice.choice(["", "web", "mail"])

    def count(self) -> None:
        _count(self.registry, self.name(), self.now, 1, self.owner())

    def observe(self) -> None:
        _observe(self.registry, self.name(), self.now, self.owner())

    def put(self) -> None:
        self.registry.values[self.registry.cell(DEPTH, (self.name(),), self.now).index] = (
            self.dice.random()
        )

    def declare(self) -> None:
        self.registry.declare(CALLS, (self.name(),), self.now)

    def wait(self) -> None:
        self.now += self.dice.choice([0.5, 20, 61, 1900, 3700, 40_000])
        late = self.dice.choice([[], [], ["web"], ["mail"]])
        _shown(self.registry, self.now, late=late)

    def restart(self) -> None:
        """What was saved, taken up, shows what goes on unharmed: now, in births and after them."""
        self.now += 61  # both look for the idle
        self.file.save(self.registry.dump(), sync=False)
        again = self.taken_up()
        for seconds in (0, 10, 20, 31):
            assert _shown(again, self.now + seconds) == _shown(self.registry, self.now + seconds)
        withheld = ["mail"]
        assert _shown(again, self.now + 31, withheld=withheld) == _shown(
            self.registry, self.now + 31, withheld=withheld
        )
        self.now += 31
        self.registry = self.taken_up() if self.dice.random() < 0.5 else again

    def taken_up(self) -> Registry:
        saved, complaints = self.file.load()
        assert saved is not None
        assert complaints == []
        registry = Registry()
        assert registry.load(saved, FAMILIES, self.now) == []
        return registry


@pytest.mark.parametrize("seed", range(6))
def test_what_is_taken_up_is_what_was_saved(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lives, "PIECE", 5)
    for move in (player := Player(tmp_path, seed)).moves():
        move()
    player.restart()
