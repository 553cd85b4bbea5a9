"""Every engine over the same hostile lines, beside the exact reading alone: the same numbers.

`python -m tests.support.differential [LINES] [FORMAT ...]` compares that many lines of each format.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

from exporter.engine import choice
from exporter.engine.plan import Plan
from exporter.vocabulary import FAMILIES
from tests.support import many_rules
from tests.support.hostile import NOW, Hostile
from tests.support.oracle import Counted, Oracle, Tried, differences, plan_of, profile_plan
from tests.support.random_rules import Drawn
from tests.support.wide_rules import OWN, RULES

TESTS = Path(__file__).parents[1]
PROFILES = sorted(folder.name for folder in (TESTS / "golden").iterdir() if folder.is_dir())
FORMATS = (
    "keyvalue", "logfmt", "json", "dotnet", "served", "logged", "text", "docker", "cri", "many",
    "fields", "told", "random",
)  # fmt: skip
MADE = ("keyvalue", "logfmt", "json", "dotnet", "served", "logged")
MANY = {
    "many": many_rules.RULES,
    "fields": many_rules.BY_FIELDS,
    "told": many_rules.BY_TOLD,
}
MAKES = {"many": MADE, "fields": ("keyvalue", "json"), "told": MADE}  # else what they are called
ENGINES = (choice.PYTHON, choice.COMPILED)
# Room for few series, so that some are folded.
LIMITS = {"jobs_total": 40, "watched_exceptions_total": 20, "told_total": 2000}
AT_ONCE = 20_000
A_DRAW = 500  # lines by the rules of one draw
TRIED = 1_000  # lines by rules that are each tried
MILLION = 1_000_000
_NO_TEXTS = ("jsonlines", "keyvalue")


@lru_cache(maxsize=64)
def plan(name: str, seed: int = 0) -> Plan:
    """The plan of a profile, of many rules, or for a format, which asks for everything.

    Only that of random rules has a seed.
    """
    if name in PROFILES:
        return profile_plan(name)
    drawn = Drawn(Random(f"rules {seed}")).rules() if name == "random" else None
    return plan_of(drawn or MANY.get(name, RULES), {**FAMILIES, **OWN})


def hostile(name: str, seed: int) -> Hostile:
    """What makes the lines of a profile or a format."""
    dice = Random(f"{name} {seed}")
    if name in PROFILES:
        return Hostile(dice, real_lines(name))
    if name == "text":
        logs = sorted((TESTS / "parsers").glob("*/*.log"))
        texts = _lines_of([log for log in logs if log.parent.name not in _NO_TEXTS])
        return Hostile(dice, texts, made=("text",))
    if name == "logfmt":
        logs = [TESTS / "parsers" / "keyvalue" / "logfmt.log"]
        return Hostile(dice, _lines_of(logs) if seed % 2 else (), made=(name,), usual=seed)
    if name == "random":
        envelope = dice.choice(("", "", "", "docker", "cri"))
        made = dice.choice(((*MADE, "text"), *((each,) for each in MADE)))
        return Hostile(dice, made=made, usual=seed, envelope=envelope)
    if name in ("docker", "cri"):
        return Hostile(
            dice,
            made=(*MADE, "text"),
            usual=seed,
            envelope=name,
        )
    return Hostile(dice, made=MAKES.get(name, (name,)), usual=seed)


def chunks(data: bytes, dice: Random) -> Iterator[bytes]:
    """The same bytes as they may arrive."""
    at = 0
    while at < len(data):
        size = dice.choice((1, 7, 100, 1000, 5000, 50_000))
        yield data[at : at + size]
        at += size


def compare(name: str, lines: list[bytes], seed: int) -> list[str]:
    """All ways over these lines; what differs from the exact reading, in words."""
    rules = plan(name, seed if name == "random" else 0)
    exact = Oracle(rules, NOW, LIMITS)
    exact.read(lines)
    expected, shown = exact.numbers(), exact.exemplars()
    data = b"".join(line + b"\n" for line in lines)
    told = _untried(name, lines[:TRIED]) if name in MANY else []
    for engine in ENGINES:
        fast = Counted(rules, NOW, LIMITS, by=engine)
        fast.feed(chunks(data, Random(seed)))
        told += [f"{engine}: {what}" for what in differences(fast.numbers(), expected)]
        found = fast.exemplars()
        told += [
            f"{engine}: exemplar of {bucket}: {found.get(bucket)}, exactly {shown.get(bucket)}"
            for bucket in found.keys() | shown.keys()
            if found.get(bucket) != shown.get(bucket)
        ]
    return told


def _untried(name: str, lines: list[bytes]) -> list[str]:
    """What the exact reading's own search of the rules to try leaves out, in words."""
    exact, tried = (make(plan(name), NOW, LIMITS) for make in (Oracle, Tried))
    exact.read(lines)
    tried.read(lines)
    found = differences(exact.numbers(), tried.numbers())
    return [f"exact, against each rule tried: {what}" for what in found]


def smallest(name: str, lines: list[bytes], seed: int) -> list[bytes]:
    """The fewest of these lines that still show a difference, as far as leaving out finds them."""
    size = len(lines)
    while size:
        size //= 2
        at = 0
        while size and at < len(lines):
            fewer = lines[:at] + lines[at + size :]
            if compare(name, fewer, seed):
                lines = fewer
            else:
                at += size
    return lines


def check(name: str, count: int, seed: int) -> None:
    """Compare that many lines; a difference is an AssertionError with the lines that show it."""
    if name == "random" and count > A_DRAW:
        for draw in range(-(-count // A_DRAW)):
            check(name, A_DRAW, seed * 1000 + draw)
        return
    lines = hostile(name, seed).lines(count)
    if compare(name, lines, seed):
        lines = smallest(name, lines, seed)
        told = [*map(repr, lines), *compare(name, lines, seed)]
        raise AssertionError("an engine reads these lines otherwise:\n" + "\n".join(told))


def real_lines(name: str) -> tuple[bytes, ...]:
    """What a profile's application really prints; nothing for a format."""
    return _lines_of(sorted((TESTS / "golden" / name).glob("*.log")))


def _lines_of(logs: Sequence[Path]) -> tuple[bytes, ...]:
    return tuple(line for log in logs for line in log.read_bytes().splitlines())


def main(arguments: Sequence[str]) -> None:
    """Compare many lines of each format and say how many they were."""
    count = int(arguments[0]) if arguments else MILLION
    print(f"exact reading, {' and '.join(ENGINES)} engine over hostile lines")  # noqa: T201  it tells
    for name in arguments[1:] or (*FORMATS, *PROFILES):
        began = time.monotonic()
        for seed in range(-(-count // AT_ONCE)):
            check(name, min(AT_ONCE, count), 1000 + seed)
        took = time.monotonic() - began
        print(f"{name:12} {count:9,} lines, no difference  ({took:.0f} s)", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
