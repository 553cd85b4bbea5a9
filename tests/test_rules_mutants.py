"""Do the proofs of the rules prove anything? Each rule is spoiled in many ways, and each must show.

A spoiled rule that passes all tests is a part of a rule that nothing holds: a threshold nobody
stands just below of, a guard that no case leans on, a sum that could as well be a maximum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.lint import Settings, lint, read
from exporter.lint.files import RuleFile
from tests.support import yamls
from tests.support.flock import Proof, survivors
from tests.support.mutants import spoilings
from tests.support.parts import Parts

ROOT = Path(__file__).parents[1]
RULES = sorted((ROOT / "rules").glob("*.yaml"))
PROOFS = ROOT / "tests/rules"
QUICK = ("events", "liveness")  # whose proofs are short, so that they are in every run
AT_ONCE = 2
IN_ONE = 40  # spoiled copies in one run of promtool
SETTINGS = Settings(enabled=frozenset({"keep-firing"}))

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
    r":ratio\w+: without le in by": "all hosts have one objective, and it is one bucket's",
    r"QueueStopped: without outcome in by": "counts add up to 0 if all are 0",
    r"RowsFailed: without phase in on": "a state is of one phase",
}

Rule = dict[str, Any]
Spoiled = Sequence[tuple[str, Rule]]  # what was done, and the rule after it


@pytest.mark.real
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=() if path.stem in QUICK else pytest.mark.long, id=path.stem)
        for path in RULES
    ],
)
def test_no_spoiled_rule_passes_the_tests(path: Path, parts: Parts, tmp_path: Path) -> None:
    promtool = parts.need("promtool")

    def unseen(job: tuple[int, Rule, Spoiled]) -> list[str]:
        number, rule, spoiled = job
        folder = tmp_path / str(number)
        folder.mkdir()
        # The first is as it was, so that what is seen of the others is their own fault.
        copies = {0: rule, **{place: one for place, (_, one) in enumerate(spoiled, 1)}}
        for proof in _proofs(path, rule):
            alive = survivors(Proof(promtool, proof), _name(rule), copies, folder)
            assert 0 in alive, f"{_name(rule)} is seen though nothing was done to it"
            copies = {place: one for place, one in copies.items() if place in alive}
        return [
            f"{_name(rule)}: {what}"
            for place, (what, one) in enumerate(spoiled, 1)
            if place in alive and not _is_linted(path, one)
        ]

    jobs = [
        (rule, some)
        for group in yamls.read(path.read_text())["groups"]
        for rule in group["rules"]
        for some in _parts([one for one in spoilings(rule) if not _is_linted(path, one[1])])
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(unseen, [(number, *job) for number, job in enumerate(jobs)])
        survived = [one for each in found for one in each]
    unproved = [one for one in survived if not any(re.search(fits, one) for fits in HARMLESS)]
    assert not unproved, "\n".join(unproved)


def _name(rule: Rule) -> str:
    return str(rule.get("alert") or rule["record"])


def _proofs(path: Path, rule: Rule) -> Iterator[Path]:
    """Its own first, then the others that read its file: what is recorded serves their alerts."""
    yield PROOFS / path.name
    for proof in sorted(PROOFS.glob("*.yaml")):
        text = proof.read_text()
        about = "record" in rule or _name(rule) in text
        if proof.name != path.name and f"rules/{path.name}" in text and about:
            yield proof


def _parts(spoiled: Spoiled) -> Iterator[Spoiled]:
    for start in range(0, len(spoiled), IN_ONE):
        yield spoiled[start : start + IN_ONE]


@cache
def _own() -> tuple[RuleFile, ...]:
    return tuple(read(path.name, path.read_text()) for path in RULES)


def _is_linted(path: Path, rule: Rule) -> bool:
    """Whether the linter, which has no finding in the rules as they are, has one in this."""
    text = yaml.safe_dump({"groups": [{"name": "spoiled", "rules": [rule]}]})
    return bool(lint([read(path.name, text)], SETTINGS, beside=_own()))
