"""Do the proofs of the rules prove anything? Each rule is spoiled in many ways, and each must show.

A spoiled rule that passes all tests is a part of a rule that nothing holds: a threshold nobody
stands just below of, a guard that no case leans on, a sum that could as well be a maximum.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.parts import Parts

ROOT = Path(__file__).parents[1]
RULES = sorted((ROOT / "rules").glob("*.yaml"))
PROOFS = ROOT / "tests/rules"
AT_ONCE = 2

# A number that decides: no part of a name, a range or a matcher, and not 0, which has no half.
THRESHOLD = re.compile(r"(?<![\w.\"\[|])(?!0\b(?!\.))(\d+(?:\.\d+)?)(?![\w.\"\]|])")
GUARD = re.compile(r"^ *unless on .*\n?", re.MULTILINE)
JOINED = re.compile(r"\b(sum|max|min)(?= by)")
OTHERS = {"sum": "max", "max": "min", "min": "max"}
COMPARED = re.compile(r"(?<=[ \n])(>=|<=|==|!=|>|<)(?= )")
OPPOSITES = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}

# Spoilings that change nothing: what they fit, and why.
HARMLESS = {
    r"(sum|max|min) by \([^)]*instance\)": "an instance shows each of its own series once",
    r"max by \([^)]*\) \(\w+_(objective(_\w+)?|interval_seconds)\b": "all hosts have one objective",
    r"max by \([^)]*\) \(\w+_(limit(_bytes)?|max_connections)\b": "all hosts see one limit",
    r"max by \([^)]*\) \( label_join.*\(watched_tls_obj": "all hosts have one objective",
    r"max by \([^)]*\) \(watched_service_trait": "all hosts are told the same of a service",
    r"instead of (sum|max) by \([^)]*\) \(([^()]|\([^()]*\))*\) \*( 0|$)": (
        "it is multiplied by 0"
    ),
    r"DeliveriesFailed: 1 is 0.5": "deliveries are whole",
    r"(JobTimeouts|QueueStuck|JobsExhausted|QueueDeadLetters): 1 is 0.5": "jobs are whole",
    r"Watchdog: 1 is": "it fires whatever it is worth",
    r"AlertmanagerMissing: 1 is 0.5": "Alertmanagers are whole",
    r"QueueStopped: max instead of sum.*15m": "counts add up to 0 if all are 0",
    r"RowsFailed: 1 is 0.5": "rows are whole",
    r"ratio\w+: min instead of max by \([^)]*\) \( 1 - ": "a subject has one objective",
    r":recent: min instead of max": "it is recorded only where it is 1",
    r"Saturated: min instead of max.*requested\[10m\]": "all workers tell the same number",
    r"WorkersGone: min instead of max.*requested > ": "only whether there is one matters",
    r"WorkersGone: max instead of sum.*processes\) == 0": "counts add up to 0 if all are 0",
    r"NotStarted: max instead of sum.*started_total": "some start if one host starts some",
    r"QueueNoConsumers: 1 is 0.5": "consumers are whole",
    r"FileMissing: max instead of sum": "counts add up to 0 if all are 0",
    r"FileMissing: min instead of max.*last_exit": "only whether there is one matters",
    r"log_errors.*: max instead of sum.*records_total\[10m": "it is multiplied by 0",
}

Rule = dict[str, Any]


def _spoilings(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """What was done to the rule, and the rule after it."""
    for key in ("for", "keep_firing_for"):
        if key in rule:
            yield f"without {key}", {name: rule[name] for name in rule if name != key}
    for what, expression in _expressions(rule["expr"]):
        yield what, rule | {"expr": expression}


def _expressions(expression: str) -> Iterator[tuple[str, str]]:
    for found in THRESHOLD.finditer(expression):
        for factor in (0.5, 4):
            number = f"{float(found[1]) * factor:g}"
            yield f"{found[1]} is {number}", _with(expression, found, number)
    for found in COMPARED.finditer(expression):
        other = OPPOSITES[found[1]]
        near = " ".join(expression[max(found.start() - 60, 0) : found.end() + 20].split())
        yield f"{other} in {near}", _with(expression, found, other)
    for found in GUARD.finditer(expression):
        yield f"without {found[0].strip()}", _with(expression, found, "")
    for found in JOINED.finditer(expression):
        other = OTHERS[found[1]]
        of = " ".join(expression[found.start() :].split())[:90]
        yield f"{other} instead of {of}", _with(expression, found, other)


def _with(text: str, found: re.Match[str], other: str) -> str:
    return text[: found.start()] + other + text[found.end() :]


@pytest.mark.long
@pytest.mark.real
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_no_spoiled_rule_passes_the_tests(path: Path, parts: Parts, tmp_path: Path) -> None:
    promtool = parts.need("promtool")
    whole = yaml.safe_load(path.read_text())

    def unseen(job: tuple[int, tuple[int, int], str, Rule]) -> str | None:
        number, (group, place), what, spoiled = job
        after = deepcopy(whole)
        after["groups"][group]["rules"][place] = spoiled
        folder = tmp_path / str(number)
        name = spoiled.get("alert") or spoiled["record"]
        passed = _passes(promtool, folder, path, after, name)
        return f"{name}: {what}" if passed else None

    spoilings = (
        ((number, place), what, spoiled)
        for number, group in enumerate(whole["groups"])
        for place, rule in enumerate(group["rules"])
        for what, spoiled in _spoilings(rule)
    )
    jobs = [(number, *spoiling) for number, spoiling in enumerate(spoilings)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        survived = [one for one in pool.map(unseen, jobs) if one]
    unproved = [one for one in survived if not any(re.search(fits, one) for fits in HARMLESS)]
    assert not unproved, "\n".join(unproved)


def _passes(promtool: Path, folder: Path, path: Path, rules: Any, name: str) -> bool:
    """Whether the tests that have to do with the rule still pass."""
    folder.mkdir()
    (folder / path.name).write_text(yaml.safe_dump(rules))
    proof = yaml.safe_load((PROOFS / path.name).read_text())
    proof["rule_files"] = [
        str(folder / path.name if file.endswith(f"/{path.name}") else PROOFS / file)
        for file in proof["rule_files"]
    ]
    proof["tests"] = [test for test in proof["tests"] if _is_about(test, name)]
    (folder / "proof.yaml").write_text(yaml.safe_dump(proof))
    command = [str(promtool), "test", "rules", str(folder / "proof.yaml")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _is_about(test: dict[str, Any], name: str) -> bool:
    """A recorded series may be read by any alert beside it."""
    return ":" in name or name in str(test)
