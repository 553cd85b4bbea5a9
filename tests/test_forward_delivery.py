"""Numbered lines through kills of both sides, throttling, black holes and rotations: all arrive."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from tests.support.delivering import Proof
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone(reason="it kills at random times, and measures time")
RECORDS = "watched_log_records_total"
MOST_DOUBLES = 0.01  # of what arrives while nothing is killed


def _storm(proof: Proof, lines: int, rounds: int, patience: float) -> None:
    """Trouble after trouble, while lines are written and logs rotated."""
    for turn in range(rounds):
        trouble = ("sidewatch", "receiver", "throttled", "hole", "failing", "outage")[turn % 6]
        proof.mode.write_text(trouble if trouble in ("throttled", "hole", "failing") else "")
        kills = {"sidewatch": ["sidewatch"], "receiver": ["receiver"]}
        kills["outage"] = ["sidewatch", "receiver"]
        for _ in range(3):
            proof.write(lines // (3 * rounds))
            proof.rotate()
            proof.breathe(patience if trouble in kills else 0.5)
            for which in kills.get(trouble, ()):
                proof.kill(which)
        proof.tally(trouble)
    proof.mode.write_text("")


def _judge(proof: Proof) -> None:
    assert proof.missing()[:10] == []
    calm = proof.received["calm"]
    assert proof.doubles["calm"] <= MOST_DOUBLES * calm
    metrics = _counted(proof)  # the counters do not know of any of it
    lost = sum(v for k, v in metrics.items() if k.startswith("sidewatch_forward_lost_bytes_total"))
    assert lost == 0


def _counted(proof: Proof) -> dict[str, float]:
    """What is shown once all is counted."""
    deadline = time.monotonic() + 40
    while _records(found := proof.scrape()) != proof.written:
        assert time.monotonic() < deadline, (_records(found), proof.written)
        time.sleep(0.5)
    return found


def _records(metrics: dict[str, float]) -> float:
    return sum(value for name, value in metrics.items() if name.startswith(RECORDS))


def _run(folder: Path, lines: int, rounds: int, patience: float, within: float) -> Proof:
    proof = Proof(folder, seed=1)
    with proof.running():
        wait_for(proof.up, "sidewatch")
        proof.write(lines * 3 // 10)
        proof.rotate()
        proof.settle("calm", within)
        _storm(proof, lines * 4 // 10, rounds, patience)
        proof.settle("after", within)
        proof.write(lines - proof.written)
        proof.rotate()
        proof.settle("calm", within)
        _judge(proof)
    return proof


def test_every_number_arrives_whatever_happens(tmp_path: Path) -> None:
    proof = _run(tmp_path, 24_000, 6, patience=2.0, within=40)
    assert proof.kills >= 8, proof.table()


def test_a_dead_receiver_moves_neither_counters_nor_their_latency(tmp_path: Path) -> None:
    counted, median = dict[bool, dict[str, float]](), dict[bool, float]()
    for forwarding in (False, True):
        proof = Proof(tmp_path / str(forwarding), seed=1, forwarding=forwarding)
        with proof.running(receiving=False):
            wait_for(proof.up, "sidewatch")
            proof.write(24_000)  # more than the window holds
            _counted(proof)
            proof.latencies.clear()
            for _ in range(20):
                proof.write(150)
                proof.scrape()
                time.sleep(0.05)
            found = _counted(proof)
        counted[forwarding] = {k: v for k, v in found.items() if k.startswith(RECORDS)}
        median[forwarding] = statistics.median(proof.latencies)
        assert any(name.startswith("sidewatch_forward_lag") for name in found) == forwarding
    assert counted[True] == counted[False]
    assert median[True] < 2 * median[False] + 0.05


@pytest.mark.long
def test_a_million_numbers_arrive_whatever_happens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = _run(tmp_path, 1_000_000, 24, patience=20.0, within=1200)
    with capsys.disabled():
        print(f"\n{proof.table()}")  # noqa: T201  # the figures are what it is run for
    assert proof.kills >= 40
    assert proof.written == 1_000_000
