"""What a reader counted, and whether two readers of the same lines counted the same."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]
Totals = Mapping[tuple[str, Labels], float]
# Labels that name the program or the file, and the stream that only an envelope tells.
_APART = ("prog", "app", "service", "stream")
_COUNTED = ("_total", "_count", "_sum")
# What the peers call what the profiles of gen.py's workload count; the parser gives every counter
# its suffix.
_NAMES = {"jobs_total": "bench_jobs_total", "api_total": "bench_answers_total"} | {
    f"{theirs}_{part}": f"bench_{ours}_duration_seconds_{part}"
    for theirs, ours in (("jobdur", "job"), ("reqdur", "request"))
    for part in ("count", "sum")
}
# And the labels, which Fluent Bit names after the log's fields.
_LABELS = {"job_queue": "queue", "jobType": "job_class", "fromCache": "from_cache"}


def samples(text: str) -> Totals:
    """The counters, counts and sums of a text, without labels that are empty."""
    return {
        (sample.name, _labels(sample.labels)): sample.value
        for family in text_string_to_metric_families(text[max(text.find("# "), 0) :])
        for sample in family.samples
        if sample.name.endswith(_COUNTED)
    }


def translated(told: Totals, workload: str) -> Totals:
    """A peer's totals by our names and in seconds; what has no name of ours is its own affair."""
    found = {}
    for (name, labels), value in told.items():
        # Fluent Bit puts a namespace and the metric's kind before its name.
        plain = re.sub(r"^fb_(?:counter|histogram)_", "", name)
        ours = _NAMES.get(plain, plain.replace("_ms_", "_seconds_"))
        if ours.startswith(("bench_", "watched_")):
            in_ms = "_ms_" in plain or (workload == "json" and plain in _NAMES)
            named = frozenset((_LABELS.get(key, key), text) for key, text in labels)
            found[ours, named] = value * 1e-3 if in_ms and ours.endswith("_sum") else value
    return found


def differences(ours: Totals, theirs: Totals) -> Iterator[str]:
    """Where they differ, in the names that both have, by the labels that `theirs` has.

    A peer that knows fewer labels is held against our sum over the others. A series at 0 is none.
    """
    names = {name for name, _ in theirs}
    if not names:
        yield "nothing was counted that could be compared"
    for name in sorted(names):
        known = {key for each, labels in theirs if each == name for key, _ in labels}
        mine, other = _summed(ours, name, known), _summed(theirs, name, known)
        for labels in sorted(mine.keys() | other.keys(), key=sorted):
            one, two = mine[labels], other[labels]
            if not math.isclose(one, two, rel_tol=1e-6):
                yield f"{name} {dict(sorted(labels))}: {one} and {two}"


def _summed(totals: Totals, name: str, known: set[str]) -> Counter[Labels]:
    found: Counter[Labels] = Counter()
    for (each, labels), value in totals.items():
        if each == name and value:
            found[frozenset((k, v) for k, v in labels if k in known)] += value  # type: ignore[assignment]  # floats add up as well
    return found


def _labels(given: Mapping[str, str]) -> Labels:
    return frozenset((key, value) for key, value in given.items() if key not in _APART and value)
