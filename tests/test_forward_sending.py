"""What becomes of a batch: taken, put off, refused, cut in two; and standard input, read once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter.clock import SetClock, WallClock
from exporter.forward.intake import Intake
from exporter.forward.pace import FIRST_SECONDS, LONGEST_SECONDS, Pace
from exporter.forward.settings import Batch
from exporter.forward.shapes import Made, Outcome
from exporter.forward.tee import Tee
from exporter.model import Cursor
from exporter.sources.files import Files
from tests.support.rig import TAKEN, Receiver, Rig
from tests.support.sinks import KeepingSink

WITHIN = 20.0


def _rig(folder: Path, receiver: Receiver, batch: Batch, count: int = 100) -> Rig:
    (folder / "server.log").write_text("".join(f"line {n:03d}\n" for n in range(count)))
    source = Files((f"{folder}/*.log",), from_="beginning", poll=0.05)
    return Rig(source, receiver, batch=batch, concurrency=1)


async def _until_settled(rig: Rig) -> None:
    async with asyncio.timeout(WITHIN), rig.running() as forwarder:
        await asyncio.sleep(0.9)
        await forwarder.drain()
        assert all(one.settled for one in forwarder.intake.live())


async def test_one_record_that_is_refused_is_found_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def picky(batch: Sequence[Made]) -> Outcome:
        bad = any(one.body == b"line 042" for one in batch)
        return Outcome("refused", "bad_data", "a field is wrong") if bad else TAKEN

    rig = _rig(tmp_path, Receiver([picky] * 100), Batch(100, 1 << 20, 0.5))
    await _until_settled(rig)
    assert rig.receiver.taken == [f"line {n:03d}" for n in range(100) if n != 42]
    assert rig.receiver.requests < 20
    source = rig.source.name
    assert rig.told("rejected_records_total", source, "refused") == 1
    assert rig.told("acknowledged_records_total", source) == 99
    assert "a field is wrong" in caplog.text
    assert "line 042" in caplog.text, "a dead letter can be looked at"
    assert "line 041" not in caplog.text


async def test_a_receiver_that_refuses_everything_does_not_swallow_a_log_fast(
    tmp_path: Path,
) -> None:
    refused = Outcome("refused", "bad_data", "no")
    rig = _rig(tmp_path, Receiver([refused] * 10_000), Batch(100, 1 << 20, 0.5), count=10_000)
    async with asyncio.timeout(WITHIN), rig.running() as forwarder:
        forwarder.delivery.pace.sleep = asyncio.sleep
        await asyncio.sleep(2.5)
        rejected = rig.told("rejected_records_total", rig.source.name, "refused") or 0
    assert 1 <= rejected <= 1000, "it pauses longer and longer"


async def test_what_is_too_large_is_halved_until_it_fits(tmp_path: Path) -> None:
    def small(batch: Sequence[Made]) -> Outcome:
        size = sum(len(one.body) for one in batch)
        return Outcome("refused", "too_large", "413") if size > 100 else TAKEN

    rig = _rig(tmp_path, Receiver([small] * 10_000), Batch(1000, 1 << 20, 0.2), count=1000)
    await _until_settled(rig)
    assert rig.receiver.taken == [f"line {n:03d}" for n in range(1000)]
    assert rig.told("rejected_records_total", rig.source.name, "refused") == 0
    assert 1000 * 8 / 100 <= rig.receiver.requests < 300


async def test_a_partial_success_is_taken_and_what_was_rejected_is_counted(tmp_path: Path) -> None:
    partial = Outcome("partial", "rejected", "too old", rejected=7)
    rig = _rig(tmp_path, Receiver([partial]), Batch(100, 1 << 20, 0.5))
    await _until_settled(rig)
    assert rig.receiver.requests == 1
    assert rig.told("rejected_records_total", rig.source.name, "partial") == 7
    assert rig.told("acknowledged_records_total", rig.source.name) == 93


async def test_what_failed_is_sent_again_until_it_is_taken(tmp_path: Path) -> None:
    troubles = [
        Outcome("failed", "timeout", "nobody answers"),
        Outcome("throttled", "throttled", "later", retry_after=0.01),
        Outcome("failed", "reset", "the connection broke"),
    ]
    rig = _rig(tmp_path, Receiver([*troubles]), Batch(100, 1 << 20, 0.5))
    await _until_settled(rig)
    assert rig.receiver.taken == [f"line {n:03d}" for n in range(100)]
    assert rig.told("retries_total", "timeout") == 1
    assert rig.told("retries_total", "throttled") == 1
    assert rig.told("requests_total", "accepted") == 1
    assert rig.told("up") == 1


async def test_a_mistake_in_a_sender_is_one_more_failure(tmp_path: Path) -> None:
    def broken(batch: Sequence[Made]) -> Outcome:
        raise ZeroDivisionError(len(batch))

    rig = _rig(tmp_path, Receiver([broken]), Batch(100, 1 << 20, 0.5))
    await _until_settled(rig)
    assert len(rig.receiver.taken) == 100
    assert rig.told("retries_total", "unexpected") == 1


async def test_pauses_double_and_are_never_shorter_than_asked() -> None:
    clock, slept = SetClock(1000.0), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(seconds)

    pace = Pace(clock.now, sleep)
    await pace.wait()
    assert slept == []
    for _ in range(12):
        pace.ill()
        pace.ill()  # under way at the same time
        await pace.wait()
    expected = [min(FIRST_SECONDS * 2**n, LONGEST_SECONDS) for n in range(12)]
    for pause, most in zip(slept, expected, strict=True):
        assert most / 2 <= pause <= most
    pace.ill(asked=90.0)
    slept.clear()
    await pace.wait()
    assert 90.0 <= sum(slept) <= 99.0
    pace.well()
    pace.ill()
    slept.clear()
    await pace.wait()
    assert sum(slept) <= FIRST_SECONDS


async def test_standard_input_counts_whatever_the_receiver_does() -> None:
    lost: list[tuple[str, int, str]] = []
    intake = Intake("shop", WallClock(), 1 << 16, lambda *one: lost.append(one))
    shard = _Counting()
    tee = Tee(shard, [intake])
    cursor = Cursor("stdin", "stdin", "stdin")
    tee.open("stdin", cursor)
    chunk = b"a line that counts\n" * 1000
    for _ in range(10):
        assert tee.feed(cursor, chunk + b"half") == len(chunk)
        await tee.room()
    tee.finish(cursor, b"half")
    assert len(shard.lines["stdin"]) == 10_001
    taken = sum(len(one.data) for one in intake.pieces)
    assert taken == 4 * len(chunk) + len(b"half\n"), "a window full, and the end"
    assert lost == [("stdin", len(chunk), "full")] * 6
    assert intake.dump() == [], "it cannot be read again"


class _Counting(KeepingSink):
    app = "shop"

    def source_state(self, source: str, *, up: bool, failure: str | None = None) -> None:
        del source, up, failure
