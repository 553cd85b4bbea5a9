"""The bench of the engines: everybody counts the same, and the page takes what it told."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.parts import Parts

ROOT = Path(__file__).parents[1]
WORKLOADS = ("kv", "json", "agledger", "kodiai", "tripl", "paas")


def told(*words: str, bench: str = "engine") -> str:
    """What the command prints; it ends where two readers differ."""
    done = subprocess.run(
        [sys.executable, ROOT / f"bench/{bench}.py", "--lines=8000", "--rounds=1", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_mtail_and_both_engines_count_the_same_of_an_applications_lines(parts: Parts) -> None:
    parts.need("mtail")
    lines = told("--only", "pullapprove").splitlines()
    costs, envelopes = (line for line in lines if line.startswith("| pullapprove"))
    assert costs.count("not beside") == 3  # Fluent Bit, and what is told beside it
    assert "not beside" not in envelopes


def test_the_parts_of_a_line_are_told_and_few_are_read_exactly() -> None:
    lines = told("--only", "tripl", bench="where").splitlines()
    row = next(line for line in lines if line.startswith("| tripl"))
    _, size, _, _, _, exactly, *_ = row.split(" | ")
    assert float(size) > 100
    assert 0 < float(exactly.removesuffix(" %")) < 10


@pytest.mark.long
@pytest.mark.parametrize("workload", WORKLOADS)
def test_so_they_do_of_the_other_workloads(workload: str, parts: Parts) -> None:
    parts.need("mtail")
    assert "Equal totals in every round" in told("--only", workload)


def test_a_measurement_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    report = runpy.run_path(str(ROOT / "bench/report.py"))
    page = tmp_path / "page.md"
    old = "# A\n<!-- a: begin -->\nold\n<!-- a: end -->\n"
    page.write_text(f"{old}<!-- b: begin -->\n<!-- b: end -->\n")
    report["write"]("a", "new \\1\n", page)
    report["write"]("b", "other", page)
    assert page.read_text().splitlines() == [
        "# A",
        *("<!-- a: begin -->", "new \\1", "<!-- a: end -->"),
        *("<!-- b: begin -->", "other", "<!-- b: end -->"),
    ]
    with pytest.raises(ValueError, match="must have the lines <!-- c: begin -->"):
        report["write"]("c", "nowhere", page)


def test_the_page_has_a_place_for_each_measurement_that_writes_there() -> None:
    page = (ROOT / "docs/performance.md").read_text()
    footprint = [f"footprint {part}" for part in ("idle", "latency", "start", "memory")]
    for name in ("engine", *footprint):
        assert page.count(f"<!-- {name}: begin -->\n") == 1
        assert page.count(f"<!-- {name}: end -->\n") == 1
