"""The core faults again, on the newest PostgreSQL: all at once, for they mostly wait."""

from __future__ import annotations

import asyncio

import pytest

from tests import test_postgres_faults as faults
from tests.support.asking import asked
from tests.support.parts import Parts
from tests.support.pg import Server, pooler
from tests.support.shop import healthy, opened, settings

pytestmark = pytest.mark.usefixtures("quick")


async def test_the_core_faults(
    postgres18: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = postgres18
    await asyncio.gather(
        faults.test_a_locked_table_hides_only_what_is_in_it(server, opened(server)),
        faults.test_a_column_that_is_dropped_switches_its_query_off_until_it_is_back(
            server, opened(server), monkeypatch
        ),
        faults.test_a_slow_query_is_canceled_and_rests(server, opened(server)),
        faults.test_a_query_cannot_write(server, opened(server)),
    )
    await faults.test_a_right_that_is_missing_is_named_and_found_when_granted(
        server, opened(server), caplog, monkeypatch
    )


async def test_through_a_pooler(postgres18: Server, parts: Parts) -> None:
    parts.need("pgbouncer")
    shop = opened(postgres18)
    with pooler(postgres18, {"default_pool_size": "1"}) as (port, _):
        async with asked(settings(postgres18, shop, port=port)) as app:
            await healthy(app, shop)
