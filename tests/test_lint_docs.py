"""docs/lint.md holds: each check has a wrong example, which it finds, and one without a finding."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from exporter.lint import ALL, Finding, Settings, lint, read
from tests.support.parts import Parts

PAGE = (Path(__file__).parents[1] / "docs/lint.md").read_text()
SECTION = re.compile(
    r"^### ([a-z-]+)\n(.*?)^```yaml\n(.*?)^# right\n(.*?)^```", re.MULTILINE | re.DOTALL
)
EXAMPLES = {name: (wrong, right) for name, _, wrong, right in SECTION.findall(PAGE)}
# What the examples leave out, so that they stay short.
SETTINGS = Settings(annotations=(), labels=(), enabled=frozenset({"keep-firing"}))
NEEDING = {
    "annotation-missing": replace(SETTINGS, annotations=("summary", "runbook_url")),
    "label-missing": replace(SETTINGS, labels=("severity",)),
}


def _whole(example: str) -> str:
    """The example as a file of rules."""
    if example.startswith("groups:"):
        return example
    indented = "".join(f"      {line}\n" for line in example.splitlines())
    return f"groups:\n  - name: example\n    rules:\n{indented}"


def _found(name: str, example: str) -> list[Finding]:
    return lint([read("example.yaml", _whole(example))], NEEDING.get(name, SETTINGS))


def test_the_page_tells_of_every_check_once_in_the_order_of_the_list() -> None:
    assert re.findall(r"^### (.*)$", PAGE, re.MULTILINE) == [check.name for check in ALL]
    assert list(EXAMPLES) == [check.name for check in ALL]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_wrong_example_has_this_finding_and_no_other(name: str) -> None:
    assert {one.check for one in _found(name, EXAMPLES[name][0])} == {name}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_right_example_has_none(name: str) -> None:
    assert _found(name, EXAMPLES[name][1]) == []


@pytest.mark.real
def test_prometheus_takes_every_right_example(parts: Parts, tmp_path: Path) -> None:
    for name, (_, right) in EXAMPLES.items():
        (tmp_path / f"{name}.yaml").write_text(_whole(right))
    command = [str(parts.need("promtool")), "check", "rules", *map(str, tmp_path.glob("*.yaml"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
