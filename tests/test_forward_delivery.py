"""Numbered lines through kills of both sides, throttling, black holes and rotations: all arrive."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.delivering import Proof
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone(reason="it kills at random times, and measures time")
MOST_DOUBLES = 0.01  # of what arrives while nothing is killed


def _storm(proof: Proof, lines: int, rounds: int) -> None:
    """Trouble after trouble, while lines are written and logs rotated."""
    for turn in range(rounds):
        trouble = ("sidewatch", "receiver", "throttled", "hole", "failing", "outage")[turn % 6]
        proof.mode.write_text(trouble if trouble in ("throttled", "hole", "failing") else "")
        kills = {"sidewatch": ["sidewatch"], "receiver": ["receiver"]}
        kills["outage"] = ["sidewatch", "receiver"]
        for _ in range(3):
            proof.write(lines // (3 * rounds))
            proof.rotate()
            proof.pause(1.2 if trouble == "sidewatch" else 0.5)
            for which in kills.get(trouble, ()):
                proof.kill(which)
        proof.tally(trouble)
    proof.mode.write_text("")


def _judge(proof: Proof) -> None:
    assert proof.missing()[:10] == []
    calm = proof.received["calm"]
    assert proof.doubles["calm"] <= MOST_DOUBLES * calm
    metrics = proof.scrape()
    counted = sum(v for k, v in metrics.items() if k.startswith("watched_log_records_total"))
    assert counted == proof.written, "the counters do not know of any of it"
    lost = sum(v for k, v in metrics.items() if k.startswith("sidewatch_forward_lost_bytes_total"))
    assert lost == 0


def _run(folder: Path, lines: int, rounds: int, within: float) -> Proof:
    proof = Proof(folder, seed=1)
    with proof.running():
        wait_for(proof.up, "sidewatch")
        proof.write(lines // 2)
        proof.rotate()
        proof.settle("calm", within)
        _storm(proof, lines // 2, rounds)
        proof.settle("after", within)
        _judge(proof)
    return proof


def test_every_number_arrives_whatever_happens(tmp_path: Path) -> None:
    proof = _run(tmp_path, 24_000, 6, within=40)
    assert proof.kills >= 8, proof.table()


@pytest.mark.long
def test_a_million_numbers_arrive_whatever_happens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = _run(tmp_path, 1_000_000, 30, within=600)
    with capsys.disabled():
        print(f"\n{proof.table()}")  # noqa: T201  # the figures are what it is run for
    assert proof.kills >= 40
