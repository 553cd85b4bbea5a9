"""Comments that switch a check off: `# sidewatch-lint: disable=CHECK because REASON`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from exporter.lint.files import Fault, RuleFile

MARK = re.compile(r"#\s*sidewatch-lint:\s*(.*?)\s*$")
EXAMPLE = "disable=<check> because <reason>"
FORM = re.compile(r"disable=([\w-]+(?:,[\w-]+)*)\s+because\s+(\S.*)")


class Silence(Struct, frozen=True):
    """A check that is switched off from the line `first` to `last`, by a comment at `line`."""

    check: str
    line: int
    first: int
    last: int


def silences(file: RuleFile, names: frozenset[str]) -> tuple[list[Silence], list[Fault]]:
    """What the comments of a file switch off, and what is wrong with them."""
    found, faults = list[Silence](), list[Fault]()
    for number, line in enumerate(file.text, 1):
        mark = MARK.search(line)
        if mark is None:
            continue
        form = FORM.fullmatch(mark[1])
        if form is None:
            faults.append(Fault(number, "", f"write # sidewatch-lint: {EXAMPLE}"))
            continue
        for check in form[1].split(","):
            if check in names:
                found.append(Silence(check, number, *_extent(file, number)))
            else:
                faults.append(Fault(number, "", f"there is no check {check}; see --list"))
    return found, faults


def _extent(file: RuleFile, line: int) -> tuple[int, int]:
    """The rule that the comment stands in or above; above all rules, the whole file."""
    for rule in file.rules:
        if rule.first <= line <= rule.last:
            return rule.first, rule.last
    return 1, len(file.text)


def unused(all_: list[Silence], used: set[Silence]) -> Iterator[Fault]:
    """Comments that switch off what would not have spoken."""
    for each in all_:
        if each not in used:
            yield Fault(each.line, "", f"{each.check} finds nothing here; take the comment out")
