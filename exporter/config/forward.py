"""`forward:`: destinations by name; and of an application, which of them get what."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from exporter.config.build import TRUTH, Builder, Raw, instead
from exporter.config.nodes import At, Items, Node, Refused, Scalar, quote
from exporter.forward.senders import fault
from exporter.forward.settings import Choice, Destination, Level, Selection, Way
from exporter.forward.target import Target, target
from exporter.redact import Redaction

NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")  # it is part of a file's name
SHORT: Mapping[type, str] = {Choice: "send", Destination: "endpoint"}


class Ways(Struct, frozen=True):
    """Of an application: to which destinations, and what is to be different from what they say."""

    to: tuple[str, ...] | None = None
    level: Level | None = None
    sample: Mapping[str, float] = field(default_factory=dict)
    services: Mapping[str, Choice] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.selection()

    def selection(self) -> Selection:
        """Which of its records go there."""
        return Selection(self.level, self.sample, self.services)


class Known(Struct, frozen=True):
    """The destinations that there are, how each is reached, and what is hidden on the way."""

    destinations: Mapping[str, Destination] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)
    redaction: Redaction = field(default_factory=Redaction)

    def way(self, name: str, selection: Selection) -> Way:
        """The way of some records to one of them."""
        one = self.destinations[name]
        over = selection.over(one.selection())
        return Way(one, self.targets[name], over, self.redaction)


def reached(
    part: Raw, found: Mapping[str, Destination], redaction: Redaction, environ: Mapping[str, str]
) -> Known:
    """How each destination is reached, by its settings and by `OTEL_EXPORTER_OTLP_*`."""
    targets = {}
    for pair, at in part.pairs():
        if pair.key not in found:
            continue
        try:
            one = target(found[pair.key].wish(), environ)
        except ValueError as error:
            at.say(pair.line, str(error))
            continue
        if wrong := fault(one):
            at.say(pair.line, wrong)
        targets[pair.key] = one
    return Known({name: found[name] for name in targets}, targets, redaction)


def destinations(base: Path, build: Builder, node: Node, at: At) -> dict[str, Destination]:
    """All destinations, each with its name; relative paths are taken from the folder `base`."""
    found = {}
    for pair, here in Raw(node, at).pairs():
        try:
            one = build.convert(Destination, pair.node, here)
        except Refused:
            continue
        if not NAME.fullmatch(pair.key):
            here.say(
                pair.line, "a destination's name has letters, digits, '_' and '-' (63 at most)"
            )
        found[pair.key] = dataclasses.replace(one, name=pair.key).inside(base.absolute())
    return found


def ways(part: Raw | None, known: Known) -> tuple[Way, ...]:
    """Where an application's records go: everywhere, unless it says otherwise."""
    names = known.destinations
    if part is None:
        return tuple(known.way(name, Selection()) for name in names)
    try:
        said = _said(part)
    except Refused:
        return ()
    if said is None:
        return ()
    chosen = tuple(names) if said.to is None else said.to
    if not chosen:
        part.at.note(part.node.line, "no destination is named, so nothing is forwarded")
    for name in chosen:
        if name not in names:
            text = f"no destination {quote(name)} stands under `forward`{instead(name, names)}"
            part.at.say(part.line_of("to"), text)
    return tuple(known.way(name, said.selection()) for name in chosen if name in names)


def _said(part: Raw) -> Ways | None:
    """What an application says; None where nothing of it is forwarded."""
    build, node = Builder(short=SHORT), part.node
    if isinstance(node, Scalar) and node.text.lower() in TRUTH and not node.quoted:
        return Ways() if TRUTH[node.text.lower()] else None
    if isinstance(node, Items | Scalar):
        names: tuple[str, ...] = build.convert(tuple[str, ...], node, part.at)
        return Ways(names)
    return build.build(Ways, node, part.at)
