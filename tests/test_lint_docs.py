"""docs/lint.md holds: each check has a wrong example, which it finds, and one without a finding."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.lint import ALL, Finding, Settings, lint, read

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


def _found(name: str, example: str) -> list[Finding]:
    if not example.startswith("groups:"):
        indented = "".join(f"      {line}\n" for line in example.splitlines())
        example = f"groups:\n  - name: example\n    rules:\n{indented}"
    return lint([read("example.yaml", example)], NEEDING.get(name, SETTINGS))


def test_the_page_tells_of_every_check_once_in_the_order_of_the_list() -> None:
    assert re.findall(r"^### (.*)$", PAGE, re.MULTILINE) == [check.name for check in ALL]
    assert list(EXAMPLES) == [check.name for check in ALL]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_wrong_example_has_this_finding_and_no_other(name: str) -> None:
    assert {one.check for one in _found(name, EXAMPLES[name][0])} == {name}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_right_example_has_none(name: str) -> None:
    assert _found(name, EXAMPLES[name][1]) == []
