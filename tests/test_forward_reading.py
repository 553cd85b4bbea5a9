"""Forwarding reads a log for itself, from where it was acknowledged: nothing is lost on the way."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.forward.settings import Batch, Choice, Selection
from exporter.forward.shapes import Made, Outcome
from exporter.sources.files import Files
from tests.support.rig import Receiver, Rig, rows

pytestmark = pytest.mark.filterwarnings("error")
WITHIN = 20.0


def _rig(folder: Path, receiver: Receiver, **more: object) -> Rig:
    source = Files((f"{folder}/*.log",), from_="beginning", poll=0.05)
    return Rig(source, receiver, **more)  # type: ignore[arg-type]  # fields of its own


def _write(path: Path, numbers: range, mode: str = "a") -> list[str]:
    lines = [f"line {number:06d}" for number in numbers]
    with path.open(mode) as file:
        file.write("".join(f"{line}\n" for line in lines))
    return lines


async def _until(what: Callable[[], bool]) -> None:
    while not what():  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)


async def test_every_line_arrives_once_and_in_order(tmp_path: Path) -> None:
    lines = _write(tmp_path / "server.log", range(5000))
    rig = _rig(tmp_path, Receiver(), concurrency=1)
    async with asyncio.timeout(WITHIN), rig.running():
        await rig.receiver.until(5000)
    assert rig.receiver.taken == lines
    assert rig.told("acknowledged_records_total", rig.source.name) == 5000


async def test_a_restart_goes_on_behind_what_was_acknowledged(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    lines = _write(log, range(3000))
    rig = _rig(tmp_path, Receiver())
    async with asyncio.timeout(WITHIN), rig.running():
        await rig.receiver.until(3000)
        await asyncio.sleep(0.05)
    lines += _write(log, range(3000, 4000))
    async with asyncio.timeout(WITHIN), rig.running():
        await rig.receiver.until(4000)
    assert sorted(rig.receiver.taken) == lines, "nothing twice, nothing missing"


async def test_another_first_glob_goes_on_where_its_files_were(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.touch()
    rig = Rig(Files((f"{tmp_path}/server.log",), poll=0.05), Receiver(dead=True))
    async with asyncio.timeout(WITHIN), rig.running() as forwarder:
        await _until(lambda: bool(forwarder.intake.tracks))
        lines = _write(log, range(1000))
        await _until(lambda: forwarder.intake.live()[0].read == log.stat().st_size)
    log.rename(tmp_path / "server.log.1")
    lines += _write(log, range(1000, 1500))
    rig.source = Files((f"{tmp_path}/nginx.log", f"{tmp_path}/server*.log"), poll=0.05)
    rig.receiver.dead = False
    async with asyncio.timeout(WITHIN), rig.running():
        await rig.receiver.until(1500)
        await asyncio.sleep(0.2)
    assert sorted(rig.receiver.taken) == lines, "nothing twice, nothing missing"
    assert {row["source"] for row in rows(rig.state) if row["stream"]} == {rig.source.name}


async def test_a_kill_sends_again_only_what_was_not_saved(tmp_path: Path) -> None:
    lines = _write(tmp_path / "server.log", range(60_000))
    rig = _rig(tmp_path, Receiver(delay=0.001), batch=Batch(100, 1 << 20, 0.02))
    async with asyncio.timeout(WITHIN), rig.running():
        await rig.receiver.until(30_000)
    (row,) = (row for row in rows(rig.state) if row["stream"])
    assert row["offset"] == (1 << 18) // 12 * 12, "the source goes back to a chunk's beginning"
    saved = (row["offset"] + row["ahead"]) / 12
    assert len(rig.receiver.taken) - rig.batch.records < saved <= len(rig.receiver.taken)
    async with asyncio.timeout(WITHIN), rig.running():
        await rig.receiver.until(60_000)
    assert sorted(set(rig.receiver.taken)) == lines
    assert rig.receiver.doubles <= rig.batch.records * rig.concurrency


async def test_a_dead_receiver_costs_a_window_and_no_more(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    lines = _write(log, range(100_000))
    rig = _rig(tmp_path, Receiver(dead=True))
    async with asyncio.timeout(WITHIN), rig.running() as forwarder:
        intake = forwarder.intake
        await asyncio.sleep(0.5)
        (track,) = (one for one in intake.live() if one.cursor.stream)
        assert intake.full
        # A round of reading is what may come on top of the window.
        assert track.cursor.offset < rig.window + 2 * (1 << 20)
        asked = rig.receiver.requests
        await asyncio.sleep(0.5)
        assert rig.receiver.requests - asked < 500, "it does not spin"
        forwarder.delivery.telling.lag([rig.source.name], intake.live())
        lag = rig.told("lag_bytes", rig.source.name) or 0  # but for half a line, once shown
        assert len(lines) * 12 - 12 < lag <= len(lines) * 12
        assert (rig.told("lag_seconds", rig.source.name) or 0) > 0.9
        assert rig.told("up") == 0
        rig.receiver.dead = False
        await rig.receiver.until(100_000)
        await asyncio.sleep(0.1)
        forwarder.delivery.telling.lag([rig.source.name], intake.live())
        assert rig.told("lag_seconds", rig.source.name) == 0
    assert sorted(rig.receiver.taken) == lines


@pytest.mark.parametrize("way", ["rename", "compress", "copytruncate"])
async def test_rotations_during_an_outage_lose_nothing(tmp_path: Path, way: str) -> None:
    log, older = tmp_path / "server.log", tmp_path / "server.log.1"
    lines = _write(log, range(30_000))
    rig = _rig(tmp_path, Receiver(dead=True))
    async with asyncio.timeout(WITHIN), rig.running():
        await asyncio.sleep(0.3)
        if way == "copytruncate":
            older.write_bytes(log.read_bytes())
            await asyncio.sleep(0.3)
            log.write_bytes(b"")
        else:
            log.rename(older)
        lines += _write(log, range(30_000, 31_000))
        await asyncio.sleep(0.3)
        if way == "compress":
            (tmp_path / "server.log.1.gz").write_bytes(gzip.compress(older.read_bytes()))
            older.unlink()
        lines += _write(log, range(31_000, 32_000))
        await asyncio.sleep(0.3)
    async with asyncio.timeout(WITHIN), rig.running():  # and a kill amid it
        rig.receiver.dead = False
        await rig.receiver.until(32_000)
    assert sorted(set(rig.receiver.taken)) == lines


async def test_what_vanishes_unread_is_counted(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    _write(log, range(100_000))
    size = log.stat().st_size
    rig = _rig(tmp_path, Receiver(dead=True))
    async with asyncio.timeout(WITHIN), rig.running() as forwarder:
        await asyncio.sleep(0.3)
        (track,) = (one for one in forwarder.intake.live() if one.cursor.stream)
        read = track.read
        log.write_bytes(b"")
        late = _write(log, range(100_000, 100_010))
        await asyncio.sleep(0.5)
        rig.receiver.dead = False
        await rig.receiver.until(read // 12 + 10)
    assert rig.told("lost_bytes_total", rig.source.name, "truncated") == size - read
    assert rig.receiver.taken[-10:] == late


async def test_a_record_of_several_lines_is_acknowledged_as_a_whole(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("head one\n  at a\n  at b\nhead two\n  at c\n")
    rig = _rig(tmp_path, Receiver(), batch=Batch(1, 1 << 20, 0.01))
    async with asyncio.timeout(WITHIN), rig.running():
        await rig.receiver.until(2)
        await asyncio.sleep(0.05)
    assert rig.receiver.taken == ["head one\n  at a\n  at b", "head two\n  at c"]
    (row,) = (row for row in rows(rig.state) if row["stream"])
    assert row["offset"] + row["ahead"] == log.stat().st_size


async def test_a_line_that_nobody_foresaw_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "server.log").write_text("one\npoison\ntwo\n")
    rig = _rig(tmp_path, Receiver())
    async with asyncio.timeout(WITHIN), rig.running():
        await rig.receiver.until(2)
    assert rig.receiver.taken == ["one", "two"]
    assert rig.told("lost_bytes_total", rig.source.name, "unexpected") == len("poison")
    assert "poison" not in caplog.text


async def test_levels_services_and_shares(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("".join(f"debug {n}\nerror {n}\nplain {n}\n" for n in range(1000)))
    (tmp_path / "noise.log").write_text("plain noise\n" * 10)
    selection = Selection(sample={"debug": 0.25}, services={"noise*": Choice(send=False)})
    rig = _rig(tmp_path, Receiver(), selection=selection)
    async with asyncio.timeout(WITHIN), rig.running():
        await rig.receiver.until(2000)
        await asyncio.sleep(0.5)
    taken = rig.receiver.taken
    assert sum(one.startswith("error") for one in taken) == 1000
    assert sum(one.startswith("plain") for one in taken) == 1000
    debug = {one for one in taken if one.startswith("debug")}
    assert 180 < len(debug) < 320
    assert rig.told("unselected_records_total", rig.source.name, "service") == 10
    assert rig.told("unselected_records_total", rig.source.name, "sampled") == 1000 - len(debug)

    again = _rig(tmp_path, Receiver(), selection=selection)
    async with asyncio.timeout(WITHIN), again.running():
        await again.receiver.until(2000 + len(debug))
        await asyncio.sleep(0.3)
    assert {one for one in again.receiver.taken if one.startswith("debug")} == debug

    at_least = _rig(tmp_path, Receiver(), selection=Selection(level="error"))
    async with asyncio.timeout(WITHIN), at_least.running():
        await at_least.receiver.until(2001)
    assert not any(one.startswith("debug") for one in at_least.receiver.taken)


async def test_a_batch_behind_one_that_hangs_is_not_acknowledged_before_it(tmp_path: Path) -> None:
    _write(tmp_path / "server.log", range(100))
    let_go = asyncio.Event()

    class Hanging(Receiver):
        async def send(self, batch: list[Made]) -> Outcome:  # type: ignore[override]  # a list is
            if b"line 000000" in {one.body for one in batch}:
                await let_go.wait()
            return await super().send(batch)

    rig = _rig(tmp_path, Hanging(), batch=Batch(10, 1 << 20, 0.01))
    async with asyncio.timeout(WITHIN), rig.running() as forwarder:
        await rig.receiver.until(90)
        (track,) = (one for one in forwarder.intake.live() if one.cursor.stream)
        assert track.acked == 0
        assert track.dump()["ahead"] == 0
        let_go.set()
        await rig.receiver.until(100)
        await asyncio.sleep(0.02)
        assert track.acked == 1200
