"""Each fault that a database tells of: made on a real server, asked about, and held to the rules.

What was found goes into a real promtool with the rules as they are shipped: the alerts that the
fault is to raise fire, each for its own labels, and no other does; before the fault none fired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.asking import until
from tests.support.faults import played
from tests.support.parts import Parts
from tests.support.pg import Server
from tests.support.promises import promised
from tests.support.proof import check
from tests.support.told import One, Told, grant, told

ROOT = Path(__file__).parents[1]
HERE = ROOT / "tests/rows"
BEGUN = ("BEGIN", "SELECT 1")


@dataclass(frozen=True)
class Fault:
    """What is done to a healthy database, in a signal's file.

    fault:      SQL that makes the fault out of healthy rows
    postgres:   more settings of the database
    objectives: set lower than a test could reach
    sessions:   so many clients that have begun a transaction and do nothing
    meanwhile:  SQL run between two looks: what moved is taken to move so each minute
    closed:     the database takes no connection any more
    """

    signal: str
    app: str
    alerts: list[dict[str, str]]
    held: list[dict[str, str]] = field(default_factory=list)
    fault: str = "SELECT 1"
    postgres: Mapping[str, str] = field(default_factory=dict)
    objectives: Mapping[str, float] = field(default_factory=dict)
    sessions: int = 0
    meanwhile: str | None = None
    closed: bool = False

    def config(self, postgres: Server, database: str) -> str:
        url = postgres.url("watcher", database)
        settings = {"url": url, "password": "first", "interval": "1s", **self.postgres}
        app: dict[str, Any] = {"name": self.app, "profile": self.app, "postgres": settings}
        return yaml.safe_dump({"apps": [app | {"objectives": dict(self.objectives)}]})


FAULTS = [Fault(**one) for one in played("sql")]


def test_every_signal_of_a_database_has_its_fault() -> None:
    wanted = promised(r"### (\w+), from the database")
    assert len({signal for _, signal, _ in wanted}) == 33
    proved = {(one.app, one.signal, alert["alert"]) for one in FAULTS for alert in one.alerts}
    assert proved == wanted


@pytest.mark.parametrize("app", sorted({one.app for one in FAULTS}))
async def test_a_healthy_application_fires_nothing(
    app: str, postgres: Server, parts: Parts, tmp_path: Path
) -> None:
    database = healthy(postgres, app)
    known = await looked(Fault("none", app, []).config(postgres, database))
    check(parts.need("promtool"), tmp_path / "healthy.yaml", known, {}, [])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.signal)
async def test_a_fault_fires_its_alerts_and_no_other(
    fault: Fault, postgres: Server, parts: Parts, tmp_path: Path
) -> None:
    promtool = parts.need("promtool")
    database = healthy(postgres, fault.app)
    config = fault.config(postgres, database)
    if fault.objectives or fault.postgres:  # else it is as healthy as the application
        check(promtool, tmp_path / "healthy.yaml", await looked(config), {}, [])
    postgres.psql(fault.fault, database)
    moved: dict[One, float] = {}
    with ExitStack() as stack:
        for _ in range(fault.sessions):
            stack.enter_context(holding(postgres, database))
        if fault.closed:
            postgres.psql(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        if fault.meanwhile is None:
            known = await looked(config, down=fault.closed)
        else:
            known, moved = await moving(config, postgres, database, fault.meanwhile)
    check(promtool, tmp_path / "fault.yaml", known, moved, [*fault.alerts, *fault.held])


async def test_a_state_that_a_guessed_profile_does_not_know_is_told(
    postgres: Server, parts: Parts, tmp_path: Path
) -> None:
    database = healthy(postgres, "paas")
    postgres.psql("UPDATE deployments SET status = '7' WHERE status = 'Building'", database)
    known = await looked(Fault("none", "paas", []).config(postgres, database))
    labels = {"entity": "deployments", "state": "other", "phase": "unknown"}
    alerts = [{"alert": "WatchedRowsPresent", **labels}]
    check(parts.need("promtool"), tmp_path / "fault.yaml", known, {}, alerts)


def healthy(postgres: Server, app: str) -> str:
    """A database of this application, which is at work."""
    database = postgres.database()
    for part in ("schema", "healthy"):
        postgres.psql((HERE / app / f"{part}.sql").read_text(), database)
    grant(postgres, database)
    return database


async def looked(config: str, *, down: bool = False) -> dict[One, float]:
    """All that is known when everything was asked once."""
    async with told(config) as app:
        if down:
            await until(lambda: 0 in app.series("watched_postgres_up").values(), "a failure")
        else:
            await app.answered()
            assert {reason for _, reason in app.disabled().items()} <= {"version"}
        return app.all()


async def moving(
    config: str, postgres: Server, database: str, meanwhile: str
) -> tuple[dict[One, float], dict[One, float]]:
    """What is known before something happens, and by how much each moves."""
    async with told(config) as app:
        await app.answered()
        first = app.all()
        blocks = read_blocks(app)
        postgres.psql(meanwhile, database)
        await until(lambda: read_blocks(app) > blocks, "the traffic to be counted")
        totals = app.all()
    gauges = await looked(config)  # those that are asked for once a minute
    last = {**gauges, **{one: value for one, value in totals.items() if one[0].endswith("_total")}}
    sized = ("watched_postgres_size_bytes", "_total")
    moves = {one: last[one] - value for one, value in first.items() if one[0].endswith(sized)}
    return first, moves


def read_blocks(app: Told) -> float:
    return sum(app.series("watched_postgres_blocks_hit_total").values())


@contextmanager
def holding(postgres: Server, database: str) -> Iterator[None]:
    client = postgres.session(database, *BEGUN)
    try:
        yield
    finally:
        client.kill()
        client.communicate()
