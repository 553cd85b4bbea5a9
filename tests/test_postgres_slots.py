"""Replication slots of a real server: what a slot that nobody reads keeps from being removed."""

from __future__ import annotations

from tests.support.asking import asked, until
from tests.support.pg import Server

SLOT = "standby"
KEPT = "watched_postgres_slot_retained_bytes"


async def test_what_a_slot_keeps_is_told_until_it_is_dropped(postgres: Server) -> None:
    database = postgres.database()
    settings = f'url: "{postgres.url("watcher", database)}"\npassword: first\ninterval: 1s\n'
    postgres.psql(f"SELECT pg_create_physical_replication_slot('{SLOT}', true)")
    try:
        postgres.psql("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i", database)
        async with asked(settings) as app:
            await until(lambda: bool(app.series(KEPT)), "the slot")
            kept = app.series(KEPT)
            assert app.series("watched_postgres_slot_active") == {(database, SLOT): 0}
    finally:
        postgres.psql(f"SELECT pg_drop_replication_slot('{SLOT}')")
    assert kept.keys() == {(database, SLOT)}
    assert kept[database, SLOT] >= 1000
