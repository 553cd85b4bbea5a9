"""The parts of asking for queues that need no database: names, forms of counting, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from exporter.config.nodes import At, Refused
from exporter.config.queues import libraries, read
from exporter.sources.postgres.budget import Many
from exporter.sources.postgres.counting import Counter
from exporter.sources.postgres.known import Known
from exporter.sources.postgres.query import Counting, Fill, Point, Query
from exporter.sources.postgres.session import QueryError, Session

JOBS = "watched_queue_jobs"
DAY = 86_400.0
FILL = Fill(
    "errands", "queue", ((JOBS, {"state": "ready"}, 0.0), (JOBS, {"state": "running"}, 0.0))
)
SOUND = (Path(__file__).parent / "queues" / "errands.yaml").read_text()


def jobs(queue: str, state: str, value: float) -> Point:
    return Point(JOBS, {"queue": queue, "state": state, "clock": ""}, value)


def told(known: Known, *points: Point, now: float = 0.0) -> dict[tuple[str, str], float]:
    return {
        (point.labels["queue"], point.labels["state"]): point.value
        for point in known.told(FILL, points, now)
    }


# -- names --------------------------------------------------------------------------------------


def test_every_known_queue_has_all_of_its_zeros() -> None:
    known = Known()
    assert told(known, jobs("mail", "ready", 3)) == {("mail", "ready"): 3, ("mail", "running"): 0}
    assert told(known) == {("mail", "ready"): 0, ("mail", "running"): 0}


def test_a_queue_that_no_row_had_for_a_day_is_forgotten() -> None:
    known = Known()
    told(known, jobs("mail", "ready", 3), now=0.0)
    assert told(known, now=DAY - 1) == {("mail", "ready"): 0, ("mail", "running"): 0}
    assert told(known, now=DAY) == {}


def test_names_beyond_a_hundred_are_told_as_one() -> None:
    known = Known()
    points = [jobs(f"tenant{i}", "ready", 1) for i in range(130)]
    values = told(known, *points)
    assert values["other", "ready"] == 30
    assert sum(values.values()) == 130


def test_of_ages_told_as_one_the_greatest_counts() -> None:
    known = Known()
    metric = "watched_queue_oldest_age_seconds"
    fill = Fill("errands", "queue", ())
    points = [Point(metric, {"queue": f"t{i}", "clock": "due"}, float(i)) for i in range(130)]
    ages = {point.labels["queue"]: point.value for point in known.told(fill, points, 0.0)}
    assert ages["other"] == 129


# -- forms --------------------------------------------------------------------------------------


@dataclass
class Server:
    """Stands in for a session: `slow` forms are canceled; there are `rows` jobs.

    Its clock goes by the `seconds` that a form takes.
    """

    rows: float
    slow: set[str] = field(default_factory=set)
    seconds: Mapping[str, float] = field(default_factory=dict)
    time: float = 0.0
    asked: list[str] = field(default_factory=list)

    async def ask(self, sql: str, *arguments: object, timeout: float) -> list[tuple[object, ...]]:  # noqa: ASYNC109 - as the real one
        form = next(one for one in ("EXACT", "CAPPED", "NAMES", "EXPLAIN") if one in sql)
        self.asked.append(form)
        self.time += self.seconds.get(form, 0.0)
        if form in self.slow:
            raise QueryError("57014", f"canceled after {timeout} s")
        if form == "NAMES":
            return [("mail",)]
        if form == "EXPLAIN":
            return [(f'[{{"Plan": {{"Plan Rows": {self.rows}}}}}]',)]
        if form == "CAPPED":
            return [("mail", "ready", min(self.rows, cast("int", arguments[1]) + 1.0))]
        return [(self.rows, "mail", "ready")]

    def now(self) -> float:
        return self.time


def counter() -> Counter:
    counting = Counting("NAMES", "CAPPED", {"ready": "SELECT 1 WHERE {QUEUE}"})
    labels = ("queue", "state")
    return Counter(Query("jobs", "EXACT", {JOBS: "jobs"}, labels, counting=counting), counting)


async def answers(one: Counter, server: Server, times: int = 1) -> Mapping[str, float]:
    """The last of so many answers; a form that fails yields as the collector lets it."""
    points: list[Point] = []
    for _ in range(times):
        try:
            points = await one.ask(cast("Session", server), ("mail",), 2.0)
        except QueryError as error:
            if not one.yields(error.state):
                raise
    return {point.metric: point.value for point in points}


async def test_few_jobs_are_counted_exactly() -> None:
    one, server = counter(), Server(rows=10_000)
    assert await answers(one, server, 30) == {JOBS: 10_000}
    assert set(server.asked) == {"EXACT"}


async def test_more_jobs_are_counted_up_to_a_cap_that_is_said() -> None:
    one, server = counter(), Server(rows=1_000_000)
    values = await answers(one, server, 2)
    assert values == {JOBS: 10_000, "watched_queue_count_capped": 1}
    assert server.asked == ["EXACT", "CAPPED"]


async def test_now_and_then_one_pass_over_many_jobs_tells_what_it_costs() -> None:
    one, server = counter(), Server(rows=1_000_000)
    await answers(one, server, 83)
    assert [i for i, form in enumerate(server.asked) if form == "EXACT"] == [0, 41, 82]


async def test_jobs_that_have_become_few_are_counted_exactly_again() -> None:
    one, server = counter(), Server(rows=1_000_000)
    await answers(one, server, 2)
    server.rows = 5
    assert await answers(one, server, 2) == {JOBS: 5}
    assert server.asked[-2:] == ["CAPPED", "EXACT"]


async def test_where_no_index_serves_the_cap_one_pass_over_all_jobs_is_kept() -> None:
    one, server = counter(), Server(rows=1_000_000, seconds={"EXACT": 0.3, "CAPPED": 2.0})
    one.now = server.now
    values = await answers(one, server, 50)
    assert values == {JOBS: 1_000_000}
    assert one.many
    assert [i for i, form in enumerate(server.asked) if form == "CAPPED"] == [1]


async def test_a_cap_that_takes_too_long_gives_way_to_one_pass_that_does_not() -> None:
    one, server = counter(), Server(rows=1_000_000, slow={"CAPPED"})
    assert await answers(one, server, 3) == {JOBS: 1_000_000}
    assert server.asked == ["EXACT", "CAPPED", "EXACT"]


async def test_where_counting_takes_too_long_the_planner_is_asked() -> None:
    one, server = counter(), Server(rows=777, slow={"EXACT", "CAPPED"})
    values = await answers(one, server, 3)
    assert values == {JOBS: 777, "watched_queue_count_estimated": 1}
    assert server.asked == ["EXACT", "CAPPED", "NAMES", "EXPLAIN"]


async def test_a_form_that_is_still_too_dear_is_tried_more_and_more_seldom() -> None:
    one, server = counter(), Server(rows=777, slow={"EXACT"})
    await answers(one, server, 150)
    assert [i for i, form in enumerate(server.asked) if form == "EXACT"] == [0, 21, 62, 143]


async def test_where_no_index_would_help_many_are_counted_exactly() -> None:
    counting = Counting("NAMES", None, {"ready": "SELECT 1 WHERE QUEUE"})
    one = Counter(replace(counter().query, counting=counting), counting)
    server = Server(rows=10_000)
    assert await answers(one, server) == {JOBS: 10_000}
    assert not one.many
    server.rows = 1_000_000
    assert await answers(one, server, 30) == {JOBS: 1_000_000}
    assert one.many
    server.slow = {"EXACT"}
    values = await answers(one, server, 40)
    assert values == {JOBS: 1_000_000, "watched_queue_count_estimated": 1}
    assert server.asked[31:34] == ["EXACT", "NAMES", "EXPLAIN"]
    server.slow, server.rows = set(), 5
    assert await answers(one, server, 42) == {JOBS: 5}


async def test_a_lock_is_no_reason_to_count_otherwise() -> None:
    one = counter()
    assert not one.yields("55P03")
    assert one.form == "exact"


# -- how often ----------------------------------------------------------------------------------


def test_what_is_dear_beside_one_pass_over_many_jobs_is_asked_the_more_seldom() -> None:
    many = Many(pass_seconds=0.2)
    assert many.slack(0.01, 15.0, 1) == 4  # others rest for four intervals at the least
    assert many.slack(0.12, 15.0, 1) == pytest.approx(10)  # 120 ms / 10 are 6 % of 200 ms
    assert many.slack(0.12, 60.0, 4) == 4  # it is asked every fourth interval anyhow
    assert many.slack(0.01, 15.0, 1, counts=True) == 1
    assert many.slack(0.2, 15.0, 1, counts=True) == pytest.approx(1 / 0.15)


def test_no_question_rests_for_more_than_ten_minutes_to_be_cheap() -> None:
    assert Many(pass_seconds=0.1).slack(60.0, 15.0, 1) == 40
    assert Many(pass_seconds=0.1).slack(60.0, 300.0, 1) == 4


def test_what_takes_no_time_is_not_spared() -> None:
    assert Many(pass_seconds=0.001).slack(0.001, 15.0, 1, counts=True) == 1
    assert Many(pass_seconds=None).slack(1.0, 15.0, 1, counts=True) == 1


# -- descriptions -------------------------------------------------------------------------------


def test_the_libraries_that_come_with_sidewatch_can_be_read() -> None:
    assert all(name == library.library for name, library in libraries().items())


@pytest.mark.parametrize(
    ("sound", "wrong", "complaint"),
    [
        ("ready: e.state", "redy: e.state", "no redy; there are ready, scheduled"),
        ("due: {where", "dew: {where", "no dew; there are due, enqueued, claimed"),
        ("timeout: e.state", "bored: e.state", "no bored; there are expired, heartbeat"),
        ("{completed: e.state", "{finished: e.state", "no finished; there are completed"),
        ("live: seen", "dead: seen", "no dead; there are live, stale"),
        ("library: errands", "library: My Queue", "small letters, digits and '-'"),
        ("about: errands", "abuot: errands", "no such key; did you mean about?"),
        ('signs: {"{schema}.errand": [claimed_at]}', "signs: {}", "name a table at the least"),
        ("{completed: e.state = 'done', exhausted: e.state = 'given_up'}", "{}", "names none of"),
        ("states: {failed:", "states: {running:", "kept: running is told by jobs"),
        ("supervision:", "my-leader:", "my-leader cannot be the name of one"),
        ("supervision:", "jobs:", "jobs cannot be the name of one"),
        ("interval: 5m", "interval: 0s", "above 0"),
        ("library: errands", f"library: {'e' * 60}", "too long"),
        ('needs: {"{schema}.errand"', 'needs: {"{schemma}.errand"', "no schemma among `names`"),
    ],
)
def test_what_is_wrong_in_a_description_is_said(sound: str, wrong: str, complaint: str) -> None:
    at = At("errands.yaml")
    with pytest.raises(Refused):
        read(SOUND.replace(sound, wrong, 1), at)
    assert any(complaint in str(one) for one in at.complaints), list(map(str, at.complaints))
