"""What kodiai says of its own drain, where the operator asks for it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.asking import until
from tests.support.told import told
from tests.support.worlds.answers import standing
from tests.support.worlds.world import Given


async def test_kodiais_drain_is_asked_for_where_there_is_one(tmp_path: Path) -> None:
    async with standing(Given("kodiai", {}, tmp_path)) as world:
        asked = world.settings()["probes"]
        probes = {**asked, "interval": "1s", "http": {"drain": {"use": True}}}
        app = {"name": "kodiai", "profile": "kodiai", "probes": probes}
        async with told(json.dumps({"apps": [app]})) as one:
            await until(lambda: bool(one.series("watched_probe_field")), "the drain")
            found = {
                field: value for (_, field), value in one.series("watched_probe_field").items()
            }
    assert found == {"active_requests": 0, "active_jobs": 2}
