"""docs/files.md lists the rotation scenarios; each of them is a test by that name."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs" / "files.md"
SCENARIOS = ("test_files_rotation.py", "test_files_compressed.py", "test_files_gone.py")


def test_the_documentation_lists_every_scenario() -> None:
    code = "".join((HERE / name).read_text() for name in SCENARIOS)
    tests = {name.replace("_", " ") for name in re.findall(r"async def test_(\w+)", code)}
    scenarios = DOCS.read_text().partition("## Scenarios")[2]
    listed = re.findall(r"^- (.+)$", scenarios, re.MULTILINE)
    assert sorted(listed) == sorted(tests)
    assert len(tests) >= 20
