"""What ships broken in famous rule sets is found, by the right check, and its right form is not.

Each `tests/lint/<case>.yaml` restates the fault in as few words as will do; its `.txt` has all the
findings, one a line: line, rule, check, severity.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from exporter.lint import Settings, lint, read
from tests.support.parts import Parts

CASES = sorted((Path(__file__).parent / "lint").glob("*.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_has_its_findings_and_no_other(path: Path) -> None:
    found = lint([read(path.name, path.read_text())], Settings(annotations=("summary",)))
    told = [f"{one.line} {one.rule} {one.check} {one.severity}" for one in found]
    assert told == path.with_suffix(".txt").read_text().splitlines(), "\n".join(map(str, found))


def test_every_case_has_its_findings_beside_it() -> None:
    assert len(CASES) == len(list((Path(__file__).parent / "lint").glob("*.txt"))) >= 10


@pytest.mark.real
def test_prometheus_itself_bears_the_findings_out(parts: Parts) -> None:
    command = [
        str(parts.need("promtool")),
        "test",
        "rules",
        str(CASES[0].parent / "real/claims.yaml"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
