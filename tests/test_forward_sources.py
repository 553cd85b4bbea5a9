"""Forwarding from a real Docker Engine and a real journal, through outages and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from exporter.sources.docker import Docker
from exporter.sources.docker.settings import Selection
from exporter.sources.journald import Journal, Journald
from tests.support.docker import Dockerd, dockerd
from tests.support.parts import Parts
from tests.support.rig import Receiver, Rig

JOURNALS = Path(__file__).parent / "journal"
WITHIN = 40.0
COUNTING = 'i=0; while [ $i -lt {} ]; do echo "out $i"; i=$((i + 1)); done; sleep {}'


@pytest.fixture(scope="module")
def engine(parts: Parts) -> Iterator[Dockerd]:
    with dockerd(parts.need("dockerd")) as one:
        yield one


def _said(receiver: Receiver) -> list[str]:
    """What containers said: behind the stamp and the stream."""
    return [one.split(" ", 3)[3] for one in receiver.taken]


async def test_a_containers_log_goes_on_where_it_was_acknowledged(engine: Dockerd) -> None:
    project = engine.project()
    source = Docker(Selection(project, url=engine.url), from_="beginning", poll=1.0)
    rig = Rig(source, Receiver(dead=True))
    script = COUNTING.format(20_000, 60)
    await asyncio.to_thread(engine.run, project, "web", script)
    async with asyncio.timeout(WITHIN), rig.running() as forwarder:
        await asyncio.sleep(2.5)
        assert forwarder.intake.full
        held = sum(one.read for one in forwarder.intake.live())
        assert held < rig.window + (1 << 20), "Docker keeps the rest"
    assert not rig.receiver.taken
    rig.receiver.dead = False
    async with asyncio.timeout(WITHIN), rig.running():
        await rig.receiver.until(7000)
    async with asyncio.timeout(WITHIN), rig.running():  # a kill in between
        await rig.receiver.until(20_000)
        await asyncio.sleep(0.5)
    assert set(_said(rig.receiver)) == {f"out {number}" for number in range(20_000)}
    assert rig.receiver.doubles < 20_000 * 0.25, "what was not saved, and no more"


async def test_a_journal_goes_on_where_it_was_acknowledged(parts: Parts, tmp_path: Path) -> None:
    parts.need("journalctl")
    for boot in (1, 2):
        packed = (JOURNALS / f"boot{boot}.journal.zst").read_bytes()
        plain = zstandard.ZstdDecompressor().decompress(packed)
        (tmp_path / f"boot{boot}.journal").write_bytes(plain)
        if boot == 1:
            source = Journald(Journal(("web.service",), str(tmp_path)), from_="beginning")
            rig = Rig(source, Receiver(dead=True))
            async with asyncio.timeout(WITHIN), rig.running() as forwarder:
                await asyncio.sleep(1.0)
                assert forwarder.intake.live()[0].read
            rig.receiver.dead = False
    async with asyncio.timeout(WITHIN), rig.running():
        await rig.receiver.until(6)
        await asyncio.sleep(0.5)
    async with asyncio.timeout(WITHIN), rig.running():
        await asyncio.sleep(0.8)
    taken = rig.receiver.taken
    assert taken[0] == "first"
    assert taken[-1] == "last"
    assert rig.receiver.doubles == 0
    assert rig.told("lag_bytes", source.name) in (None, 0)
