"""Each line counts once, whenever sidewatch is killed; and nothing that was shown is taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.killing import ROTATION, Harness, VainError, spread
from tests.support.trap import BUGS, POINTS

pytestmark = pytest.mark.first(
    seconds=50, reason="it starts sidewatch forty times, one after the other"
)


def _hold(harness: Harness) -> None:
    """What must be true after any number of kills."""
    assert harness.settled()[:10] == [], harness.output()[-4000:]
    assert harness.stop() == 0, "SIGTERM saves and ends"
    harness.go_on()
    assert harness.settled()[:10] == [], "what SIGTERM saved is not what was counted"
    for scraper in harness.scrapers:
        assert scraper.degraded == 0, "a save failed: the promise was suspended"
        assert scraper.decreases[:10] == []
        assert scraper.answers > 10, "who asked at all, though others kept the machine busy"


def test_kills_at_every_point_lose_and_double_nothing(tmp_path: Path) -> None:
    harness = Harness(tmp_path, seed=1)
    with harness.watched():
        harness.kill(spread(each=3, rest=4, seed=1))
        for _ in range(3):  # a machine that is busy with other tests may have missed one
            if missed := [point for point in (*POINTS, ROTATION) if not harness.hits[point]]:
                harness.kill(missed)
        print(harness.table())  # noqa: T201  # shown where it fails
        _hold(harness)
    assert harness.hits.keys() >= {*POINTS, ROTATION}


@pytest.mark.long
@pytest.mark.parametrize("seed", [2, 3])
def test_a_hundred_kills_lose_and_double_nothing(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    harness = Harness(tmp_path, seed)
    with harness.watched():
        harness.kill(spread(each=14, rest=30, seed=seed))
        with capsys.disabled():
            print(f"\n{harness.table()}")  # noqa: T201  # the figures are what it is run for
        _hold(harness)
    for point in (*POINTS, ROTATION):
        assert harness.hits[point] >= 5, point
    assert harness.hits.total() >= 100


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(tmp_path: Path, bug: str) -> None:
    harness = Harness(tmp_path, seed=4, bug=bug)
    with harness.watched():
        # A kill finds a bug only where something was counted between two saves of its life: a few
        # may all come too early, so more follow until one has hit.
        assert any(_finds(harness, point, bug) for point in ["rename | scrape", "anywhere"] * 10)


def _finds(harness: Harness, point: str, bug: str) -> bool:
    """Whether a kill at this point shows the bug."""
    try:
        harness.kill([point])
    except VainError:  # a rotation waits until all of a log is counted
        return bug != "shown before saved"
    wrong = harness.settled(within=3)
    if bug == "shown before saved":
        return any(scraper.decreases for scraper in harness.scrapers)
    return any("lines_total" in one for one in wrong)
