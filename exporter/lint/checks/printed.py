"""Checks of what alerts print: labels that are gone, values in the wrong unit, broken templates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exporter.lint import template
from exporter.lint.checking import Check, Found, Subject
from exporter.lint.metrics import Unit
from exporter.lint.span import UNIT
from exporter.promql import Binary, NotPromQL, Tree, parse

QUERY = re.compile(r"\bquery\s+(?:\(\s*printf\s+)?(\"(?:[^\"\\]|\\.)*\"|`[^`]*`)")
VERB = re.compile(r"%[-+#0-9.]*([a-zA-Z])")
# What each function takes; a value of another known unit reads wrong.
FORMATS: dict[str, tuple[frozenset[Unit], str]] = {
    "humanizeDuration": (frozenset({"seconds"}), "seconds"),
    "humanizePercentage": (frozenset({"ratio"}), "a ratio from 0 to 1"),
    "humanizeTimestamp": (frozenset({"timestamp"}), "a moment in seconds since 1970"),
    "humanize1024": (frozenset({"bytes"}), "bytes"),
}
SHOWN: dict[Unit, str] = {
    "seconds": "seconds",
    "timestamp": "a moment in seconds since 1970",
    "bytes": "bytes",
    "ratio": "a ratio",
    "percent": "percent already",
    "truth": "0 or 1",
}


def _lost_labels(subject: Subject) -> Iterator[Found]:
    tree = subject.rule.tree
    if tree is None or not subject.rule.is_alert:
        return
    labels = subject.flow(tree).labels
    sides = [subject.flow(side).labels for side in _alternatives(tree)]
    for key, text in subject.rule.texts():
        for label in _printed(text):
            if not labels.can(label):
                own = " (a label of the rule itself is not among them)"
                yield Found(
                    f"{{{{ $labels.{label} }}}} prints nothing: the expression leaves {labels}"
                    f"{own if label in subject.rule.labels else ''}; keep it in by (...), or do not"
                    " print it",
                    label,
                    key,
                )
            elif bare := [side for side in sides if not side.can(label)]:
                yield Found(
                    f"{{{{ $labels.{label} }}}} prints nothing where the alert comes from the side"
                    f" of or that leaves {bare[0]}; give that side an alert of its own",
                    label,
                    key,
                    "warning",
                )


def _alternatives(tree: Tree) -> Iterator[Tree]:
    """The sides of an `or`, each of which may be what fires."""
    match tree:
        case Binary(operator="or"):
            yield from _alternatives(tree.left)
            yield from _alternatives(tree.right)
        case Binary(operator="and" | "unless"):
            yield from _alternatives(tree.left)
        case _:
            yield tree


def _printed(text: str) -> list[str]:
    found = [label for action in template.actions(text) for label in template.labels_of(action)]
    return list(dict.fromkeys(found))


def _value_in_label(subject: Subject) -> Iterator[Found]:
    for key, text in subject.rule.labels.items():
        for action in template.actions(text):
            if action.prints and template.reads_value(action):
                yield Found(
                    "a value in a label makes a new alert of each change, and starts its for anew;"
                    " put it into an annotation",
                    "$value",
                    f"labels.{key}",
                )


def _overridden(subject: Subject) -> Iterator[Found]:
    tree = subject.rule.tree
    if tree is None or not subject.rule.is_alert:
        return
    labels = subject.flow(tree).labels
    for label, text in subject.rule.labels.items():
        if label in labels.has and "{{" not in text and label not in subject.flow(tree).pinned:
            yield Found(
                f"the label {label} of the series is replaced by {text!r}; series that differ only"
                " in it become one alert, and the rule fails. Name one of them otherwise",
                label,
                f"labels.{label}",
            )


def _format(subject: Subject) -> Iterator[Found]:
    tree = subject.rule.tree
    if tree is None or not subject.rule.is_alert:
        return
    flow = subject.flow(tree)
    for key, text in subject.rule.texts():
        for action in template.actions(text):
            if not template.reads_value(action) or not action.prints:
                continue
            for token in action.tokens:
                if token in FORMATS and flow.unit and flow.unit not in FORMATS[token][0]:
                    wanted = FORMATS[token][1]
                    text_ = f"{token} takes {wanted}; this value is {SHOWN[flow.unit]}"
                    yield Found(text_, token, key)
            if _as_percent(action) and flow.unit == "ratio" and flow.span.within(UNIT):
                yield Found(
                    "the value is a ratio from 0 to 1 and printed as percent; use"
                    " humanizePercentage",
                    "$value",
                    key,
                )


def _as_percent(action: template.Action) -> bool:
    """Whether a percent sign follows the bare value."""
    functions = set(action.tokens) & template.FUNCTIONS
    scaled = "humanizePercentage" in functions or bool(functions & {"mul", "query"})
    return not scaled and re.match(r"\s?%|\s+per ?cent", action.after) is not None


def _syntax(subject: Subject) -> Iterator[Found]:
    for key, text in subject.rule.texts():
        for sentence in template.faults(text):
            yield Found(sentence, "{{", key)
        if template.is_stray(text):
            yield Found("}} closes nothing, and is printed as it stands", "", key, "warning")
        for found in QUERY.finditer(text):
            expression = _unquoted(found[1])
            try:
                parse(VERB.sub(_filled, expression) if "printf" in found[0] else expression)
            except NotPromQL as error:
                yield Found(f"the query in it is no PromQL: {error}", "query", key)


def _filled(verb: re.Match[str]) -> str:
    """What a verb of printf may stand for: a text in quotes, a number, a bare word."""
    return '"x"' if verb[1] == "q" else "1" if verb[1] in "dfgeb" else "x"


def _unquoted(text: str) -> str:
    return text[1:-1].replace('\\"', '"') if text.startswith('"') else text[1:-1]


CHECKS = (
    Check("template-syntax", "error", "a template that cannot be read", _syntax),
    Check("label-lost", "error", "a printed label that did not survive", _lost_labels),
    Check(
        "label-replaced", "error", "a label of the rule that hides one of the series", _overridden
    ),
    Check("value-in-label", "error", "a value in a label", _value_in_label),
    Check("value-format", "warning", "a value printed in the wrong unit", _format),
)
