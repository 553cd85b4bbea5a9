"""Constant labels of an operator's own (env, cluster), carried through the shipped rules.

Every `by (...)` and `on (...)` takes them up, and so does a question that an annotation asks; the
rest of the text stays as it is. What comes out is parsed and checked, so a rule that could lose a
label is refused, never written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import yaml

from exporter.errors import ExportError
from exporter.promql import Aggregate, Binary, Tree, parse, walk
from exporter.vocabulary import FAMILIES
from exporter.vocabulary.others import OTHERS

NAME = re.compile(r"[a-zA-Z_]\w*")
TAKEN = frozenset({"app", "le", "job", "instance", "alertname", "severity", "component", "kind"})
# Of the metrics that the rules read: what is different in each series is not the operator's own.
OF_METRICS = {
    label: family.name
    for family in reversed((*FAMILIES.values(), *OTHERS.values()))
    for label in family.labels
}
# A list of labels, or a quoted text, which is passed over.
LISTS = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|\b(by|on)( *)\(([^()]*)\)""")
# The expression of a rule, which ends at the next key.
EXPRESSION = re.compile(
    r"^ +(?:- )?expr:.*?(?=^ +(?:for|keep_firing_for|labels|annotations):|\Z)",
    re.MULTILINE | re.DOTALL,
)
# query (printf "...{app=%q..." $labels.app ...): the labels go where `app` goes.
QUESTION = re.compile(r'(query \(printf ".*?\{app=%q)(.*?" \$labels\.app)')


def keep(text: str, labels: Sequence[str]) -> str:
    """The text of a rule, with the labels kept in all that it reads. Raises ExportError."""
    text = EXPRESSION.sub(lambda found: _listed(found[0], labels), text)
    text = QUESTION.sub(lambda found: _asked(found, labels), text)
    _check(text, labels)
    return text


def keepable(labels: Sequence[str]) -> Sequence[str]:
    """The labels, each once, and each of which can be kept. Raises ExportError."""
    for label in labels:
        if not NAME.fullmatch(label) or label.startswith("__") or label in TAKEN:
            raise ExportError(f"{label} is no label that can be kept; name one of your own")
        if label in OF_METRICS:
            raise ExportError(
                f"{label} is no label that can be kept, since {OF_METRICS[label]} has one of its"
                " own; name one that all your series carry (env, cluster)"
            )
    return tuple(dict.fromkeys(labels))


def _listed(text: str, labels: Sequence[str]) -> str:
    def with_labels(found: re.Match[str]) -> str:
        if found[1]:
            return found[1]
        own = [name for name in map(str.strip, found[4].split(",")) if name]
        return f"{found[2]}{found[3]}({', '.join([*own, *_not_in(labels, own)])})"

    return LISTS.sub(with_labels, text)


def _not_in(labels: Sequence[str], own: Sequence[str]) -> list[str]:
    return [label for label in labels if label not in own]


def _asked(found: re.Match[str], labels: Sequence[str]) -> str:
    matchers = "".join(f",{label}=%q" for label in labels)
    values = "".join(f" $labels.{label}" for label in labels)
    return f"{found[1]}{matchers}{found[2]}{values}"


def _check(text: str, labels: Sequence[str]) -> None:
    (rule,) = yaml.safe_load(text)
    lost = next(_lost(parse(rule["expr"]), frozenset(labels)), None)
    if lost is not None:
        name = rule.get("alert") or rule["record"]
        raise ExportError(f"{name} would lose the label {', '.join(labels)} by {lost}")


def _lost(tree: Tree, labels: frozenset[str]) -> Iterator[str]:
    """The operators of an expression that do not keep the labels; no modifier sums all up."""
    for each in walk(tree):
        match each:
            case Aggregate(without=True) if labels & set(each.labels):
                yield f"{each.operator} without"
            case Aggregate(without=False) if labels - set(each.labels):
                yield f"{each.operator} by"
            case Binary() if each.on is not None and labels - set(each.on):
                yield f"{each.operator} on"
            case Binary() if labels & set(each.ignoring):
                yield f"{each.operator} ignoring"
