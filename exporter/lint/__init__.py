"""The linter of rule files: what is known of each expression, and the checks that judge it.

An expression is parsed, each part of it is given the labels, bounds and kind that its value has,
and checks compare these with what the rule makes of them. Nothing is asked of a server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from exporter.lint.catalogue import Catalogue, Listed, listed
from exporter.lint.checking import Check, Found, Settings, Severity, Subject
from exporter.lint.checks import CHECKS
from exporter.lint.checks.rules import key
from exporter.lint.files import Fault, Rule, RuleFile, read
from exporter.lint.places import place
from exporter.lint.silence import Silence, silences, unused


def _nowhere(_: Subject) -> Iterator[Found]:
    """What is wrong with a file is found as it is read, not by looking at its rules."""
    return iter(())


UNREADABLE = Check("file", "error", "a file that Prometheus would refuse", _nowhere)
COMMENT = Check("comment", "error", "a comment for the linter that does nothing", _nowhere)
ALL = (UNREADABLE, *CHECKS, COMMENT)
NAMES = frozenset(check.name for check in ALL)

__all__ = [
    "ALL",
    "NAMES",
    "Finding",
    "Listed",
    "Settings",
    "labels_of",
    "lint",
    "listed",
    "read",
]


class Finding(Struct, frozen=True, order=True):
    """What a check found: the place, the rule, the key in it, a sentence."""

    file: str
    line: int
    column: int
    rule: str
    key: str
    check: str
    severity: Severity
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.severity}: {self.rule}: {self.text} [{self.check}]"


def lint(
    files: Sequence[RuleFile],
    settings: Settings,
    given: Listed | None = None,
    beside: Sequence[RuleFile] = (),
) -> list[Finding]:
    """All findings, in the order of the files; `beside` are files whose records are known, too."""
    rules = [rule for file in files for rule in file.rules]
    catalogue = _catalogue(rules, settings, given, beside)
    namesakes: dict[tuple[str, ...], Rule] = {}
    for rule in rules:
        namesakes.setdefault(key(rule), rule)
    found = list[Finding]()
    for file in files:
        subjects = [Subject(rule, catalogue, settings, namesakes) for rule in file.rules]
        found += _file(file, subjects, settings)
    return found


def labels_of(
    files: Sequence[RuleFile],
    asked: Iterable[str],
    settings: Settings,
    given: Listed | None = None,
    beside: Sequence[RuleFile] = (),
) -> Iterator[tuple[Rule, frozenset[str]]]:
    """Each alert that is PromQL, with those of the labels `asked` that it may have."""
    rules = [rule for file in files for rule in file.rules]
    catalogue, wanted = _catalogue(rules, settings, given, beside), tuple(asked)
    for rule in rules:
        if rule.is_alert and rule.tree is not None:
            labels = catalogue.flow(rule.tree).labels.adding(*rule.labels, "alertname")
            yield rule, frozenset(filter(labels.can, wanted))


def _catalogue(
    rules: Sequence[Rule], settings: Settings, given: Listed | None, beside: Sequence[RuleFile]
) -> Catalogue:
    recorded = {rule.name for rule in rules}
    others = [rule for file in beside for rule in file.rules if rule.name not in recorded]
    return Catalogue([*rules, *others], given, settings.extra_labels)


def _file(file: RuleFile, subjects: list[Subject], settings: Settings) -> Iterator[Finding]:
    quiet, faults = silences(file, NAMES)
    used = set[Silence]()
    found = [_plain(file, UNREADABLE, fault) for fault in file.faults]
    for subject in subjects:
        for check in CHECKS:
            if _wanted(check, settings):
                found += [_placed(file, subject.rule, check, one) for one in check.look(subject)]
    kept = list[Finding]()
    for one in dict.fromkeys(found):
        hushed = [each for each in quiet if _hushes(each, one)]
        used.update(hushed)
        if not hushed and one.check not in settings.disabled:
            kept.append(one)
    faults += unused([each for each in quiet if each.check not in settings.disabled], used)
    kept += [_plain(file, COMMENT, fault) for fault in faults]
    yield from sorted(kept)


def _wanted(check: Check, settings: Settings) -> bool:
    return not check.optional or check.name in settings.enabled


def _hushes(silence: Silence, one: Finding) -> bool:
    return silence.check == one.check and silence.first <= one.line <= silence.last


def _plain(file: RuleFile, check: Check, fault: Fault) -> Finding:
    line = max(fault.line, 1)
    return Finding(file.name, line, 1, "-", fault.key, check.name, check.severity, fault.text)


def _placed(file: RuleFile, rule: Rule, check: Check, one: Found) -> Finding:
    line, column = place(file, rule, one.key, one.near)
    return Finding(
        file.name,
        line,
        column,
        rule.name,
        one.key,
        check.name,
        one.severity or check.severity,
        one.text,
    )
