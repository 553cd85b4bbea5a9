"""Many spoiled copies of a rule in one run of promtool, each under a name of its own.

The copies stand beside each other with what is made of them: a spoiled record gives spoiled copies
of the rules that read it. Each must be seen by the proof's own cases, repeated under its name.
What has nothing to do with them is left out, since evaluating it is what takes the time.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser as promql

from tests.support import yamls
from tests.support.promql import selectors

Rule = dict[str, Any]
# Rules that look at what fires need all that fires.
FIRING = "ALERTS"
NUMBERED = re.compile(r"__(\d+)\b")
BROKEN = re.compile(r"^ *rule: .*, err: ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Proof:
    """A file of tests, its files of rules, and which of these is about the rules looked at."""

    promtool: Path
    tests: Path

    def files(self) -> list[Path]:
        """The files of rules that it reads."""
        named = yamls.read(self.tests.read_text())["rule_files"]
        return [(self.tests.parent / one).resolve() for one in named]


def survivors(proof: Proof, name: str, copies: Mapping[int, Rule], folder: Path) -> frozenset[int]:
    """The numbers of the copies of the rule `name` that the proof does not see."""
    alive = {number: rule for number, rule in copies.items() if _is_promql(rule["expr"])}
    while alive:
        told = _told(proof, name, alive, folder)
        seen = {int(one) for one in NUMBERED.findall(_about_names(told))}
        alive = {number: rule for number, rule in alive.items() if number not in seen}
        # A rule that cannot be evaluated ends its test, so the others are asked again.
        if not BROKEN.search(told):
            break
        assert seen, told
    return frozenset(alive)


def _is_promql(text: str) -> bool:
    try:
        promql.parse(text)
    except ValueError:
        return False
    return True


def _about_names(told: str) -> str:
    """The lines of a complaint that name what it is about."""
    lines = told.splitlines()
    return "\n".join(
        line.partition(", time:")[0]
        for line in lines
        if line.lstrip().startswith(("alertname:", "expr:", "rule:"))
    )


def _told(proof: Proof, name: str, copies: Mapping[int, Rule], folder: Path) -> str:
    groups = [group for path in proof.files() for group in yamls.read(path.read_text())["groups"]]
    rules = [rule for group in groups for rule in group["rules"]]
    derived = _derived(name, rules)
    needed = _needed([name, *derived], rules)
    beside = _flock(groups, name, copies, derived, needed)
    rule_file, test_file = folder / "rules.json", folder / "tests.json"
    rule_file.write_text(json.dumps({"groups": beside}))  # JSON is YAML
    whole = yamls.read(proof.tests.read_text())
    tests = [_repeated(test, [name, *derived], list(copies)) for test in whole["tests"]]
    asking = [one for one in tests if one["alert_rule_test"] or one["promql_expr_test"]]
    if not asking:
        return ""
    whole |= {"rule_files": [str(rule_file)], "tests": asking}
    test_file.write_text(json.dumps(whole))
    done = subprocess.run(
        [proof.promtool, "test", "rules", test_file],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOGC": "400"},  # what it holds is soon gone
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0 or NUMBERED.search(_about_names(told)), told
    return told


def _name(rule: Rule) -> str:
    return str(rule.get("alert") or rule["record"])


def _reads(rule: Rule) -> frozenset[str]:
    return frozenset(one.metric for one in selectors(rule["expr"]))


def _derived(name: str, rules: Sequence[Rule]) -> list[str]:
    """The rules that read it, also by others between, in their order."""
    found = [name]
    for rule in rules:
        if _reads(rule) & set(found) and _name(rule) not in found:
            found.append(_name(rule))
    return found[1:]


def _needed(names: Collection[str], rules: Sequence[Rule]) -> frozenset[str]:
    """The records that these read, and what those read."""
    found = set(names)
    for rule in reversed([*rules, *rules]):  # a file may read one that comes after it
        if _name(rule) in found:
            found |= _reads(rule)
    if FIRING in found:
        return frozenset(_name(rule) for rule in rules)
    return frozenset(rule["record"] for rule in rules if rule.get("record") in found)


def _flock(
    groups: Sequence[dict[str, Any]],
    name: str,
    copies: Mapping[int, Rule],
    derived: Collection[str],
    needed: Collection[str],
) -> list[dict[str, Any]]:
    def rules(group: dict[str, Any]) -> Iterator[Rule]:
        for rule in group["rules"]:
            own = _name(rule)
            if own in needed:
                yield rule
            if own == name:
                yield from (_under(copy, [name], number) for number, copy in copies.items())
            elif own in derived:
                yield from (_under(rule, [name, *derived], number) for number in copies)

    shown = [group | {"rules": list(rules(group))} for group in groups]
    return [group for group in shown if group["rules"]]


def _under(rule: Rule, names: Sequence[str], number: int) -> Rule:
    """The rule under its name with a number, reading what has that number, too."""
    key = "alert" if "alert" in rule else "record"
    return rule | {key: f"{rule[key]}__{number}", "expr": _numbered(rule["expr"], names, number)}


def _numbered(text: str, names: Sequence[str], number: int) -> str:
    any_of = "|".join(map(re.escape, names))
    return re.sub(rf"(?<![\w:])(?:{any_of})(?![\w:])", rf"\g<0>__{number}", text)


def _repeated(test: dict[str, Any], names: Sequence[str], numbers: Sequence[int]) -> dict[str, Any]:
    """The cases that are about these rules, once for each number."""
    spoken = [case for case in test.get("alert_rule_test", ()) if case["alertname"] in names]
    asked = [
        case
        for case in test.get("promql_expr_test", ())
        if _numbered(case["expr"], names, 0) != case["expr"]
    ]
    return test | {
        "alert_rule_test": [
            case | {"alertname": f"{case['alertname']}__{number}"}
            for number in numbers
            for case in spoken
        ],
        "promql_expr_test": [
            json.loads(_numbered(json.dumps(case), names, number))
            for number in numbers
            for case in asked
        ],
    }
