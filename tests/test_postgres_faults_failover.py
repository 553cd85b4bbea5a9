"""A replica that is promoted: some seconds of silence, and no total that goes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support import pg
from tests.support.asking import asked, until
from tests.support.shop import down, healthy, of_url, opened, progress, up
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("quick")
TOTAL = "watched_postgres_blocks_hit_total"
RAW = "SELECT blks_hit FROM pg_stat_database WHERE datname = '{}'"
FEW_SECONDS = 5.0


@pytest.fixture
def pair(postgres: pg.Server) -> Iterator[tuple[pg.Server, pg.Server]]:
    """A primary of the test's own, and a replica that streams from it."""
    with ExitStack() as stack:
        primary = stack.enter_context(pg.server(postgres.binaries))
        yield primary, stack.enter_context(pg.replica(primary))


def both(primary: pg.Server, replica: pg.Server, shop: str, attributes: str) -> str:
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{replica.port}"
    return of_url(
        f"postgresql://watcher@{hosts}/{shop}?sslmode=disable&target_session_attrs={attributes}"
    )


def caught_up(primary: pg.Server, replica: pg.Server) -> bool:
    lsn = primary.psql("SELECT pg_current_wal_lsn()")
    return replica.psql(f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'") == "t"


async def test_a_failover_takes_seconds_and_no_total_goes_back(
    pair: tuple[pg.Server, pg.Server],
) -> None:
    primary, replica = pair
    shop = opened(primary)
    wait_for(lambda: caught_up(primary, replica), "the replica")
    async with asked(both(primary, replica, shop, "read-write")) as app:
        await healthy(app, shop)
        started = app.value("watched_postgres_start_timestamp_seconds", shop)
        version = primary.version()
        assert app.series("watched_postgres_info") == {(shop, version, "primary"): 1}
        for _ in range(10):
            primary.psql("SELECT count(*) FROM orders", shop)
        await progress(app, "traffic")
        seen = [app.value(TOTAL, shop)]
        assert int(replica.psql(RAW.format(shop))) < int(primary.psql(RAW.format(shop)))
        primary.stop()
        await down(app, shop, FEW_SECONDS)
        await until(lambda: app.failures().get("refused", 0) >= 1, "the old primary to refuse")
        assert app.failures().keys() <= {"refused", "lost"}
        replica.psql("SELECT pg_promote()")
        began = asyncio.get_running_loop().time()
        await up(app, shop)
        await progress(app, "traffic", times=1)
        assert asyncio.get_running_loop().time() - began < 2 * FEW_SECONDS
        seen.append(app.value(TOTAL, shop))
        assert app.value("watched_postgres_start_timestamp_seconds", shop) != started
        for _ in range(10):
            replica.psql("SELECT count(*) FROM orders", shop)
        await progress(app, "traffic")
        seen.append(app.value(TOTAL, shop))
        assert None not in seen
        assert seen == sorted(seen, key=float)  # type: ignore[arg-type]
        assert seen[2] > seen[1]  # type: ignore[operator]
        assert replica.backends(shop) == 1


async def test_a_watched_replica_tells_its_lag_until_it_is_promoted(
    pair: tuple[pg.Server, pg.Server],
) -> None:
    primary, replica = pair
    shop = opened(primary)
    wait_for(lambda: caught_up(primary, replica), "the replica")
    async with asked(both(primary, replica, shop, "prefer-standby")) as app:
        await healthy(app, shop)
        version = primary.version()
        assert app.series("watched_postgres_info") == {(shop, version, "replica"): 1}
        assert app.value("watched_postgres_replication_lag_seconds", shop) == 0
        assert (replica.backends(shop), primary.backends(shop)) == (1, 0)
        replica.psql("SELECT pg_promote()")
        await until(
            lambda: app.series("watched_postgres_info") == {(shop, version, "primary"): 1},
            "the new role",
            FEW_SECONDS,
        )
        await until(
            lambda: app.value("watched_postgres_replication_lag_seconds", shop) is None,
            "the lag to go",
            FEW_SECONDS,
        )
        assert app.value("watched_postgres_up", shop) == 1  # all over one and the same connection
        assert app.failures() == {}
