"""A server whose clock is wrong: libfaketime turns it, and sidewatch says by how much."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import pg
from tests.support.asking import asked, until
from tests.support.parts import Parts
from tests.support.proxy import proxy
from tests.support.shop import healthy, opened, settings

pytestmark = pytest.mark.usefixtures("quick")
AHEAD = 90.0


@pytest.fixture
def wrong(parts: Parts) -> Iterator[pg.Server]:
    """A server whose clock is a minute and a half ahead."""
    parts.need("faketime")  # its library, without the program, for that would stand in between
    turned = {
        "LD_PRELOAD": str(next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))),
        "FAKETIME": f"+{AHEAD:g}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with pg.server(environment=turned) as server:
        yield server


async def test_a_wrong_clock_is_measured_and_spoils_no_age(wrong: pg.Server) -> None:
    shop = opened(wrong)
    async with asked(settings(wrong, shop)) as app:
        await healthy(app, shop)
        await until(
            lambda: app.value("watched_postgres_clock_skew_seconds", shop) is not None, "the skew"
        )
        skew = app.value("watched_postgres_clock_skew_seconds", shop)
        assert skew == pytest.approx(AHEAD, abs=0.25)
        idle = wrong.session(shop, "BEGIN", "SELECT 1")
        try:
            await until(
                lambda: (app.value("watched_postgres_longest_transaction_seconds", shop) or 0) > 1,
                "a transaction's age",
            )
            age = app.value("watched_postgres_longest_transaction_seconds", shop)
            assert age is not None
            assert age < 20  # by the database's own clock
        finally:
            idle.kill()
            idle.communicate()


async def test_a_long_way_to_the_server_is_no_skew(postgres: pg.Server) -> None:
    shop = opened(postgres)
    with proxy(postgres.port, delay=0.04) as far:
        async with asked(settings(postgres, shop, port=far.port)) as app:
            await until(
                lambda: app.value("watched_postgres_clock_skew_seconds", shop) is not None,
                "the skew",
            )
            skew = app.value("watched_postgres_clock_skew_seconds", shop)
            assert skew == pytest.approx(0, abs=0.03)  # it takes 160 ms to ask
