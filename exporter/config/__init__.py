"""YAML in, plans out: settings and profiles, with every complaint by file, line and key.

`load` reads sidewatch.yaml; `load_profile` a profile alone, for `replay` and `explain`. Both raise
ConfigError with all that is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from exporter.config.build import Raw, seconds
from exporter.config.discovery import Discovery, discovery
from exporter.config.families import RESERVED_LABELS, UnreadFamily
from exporter.config.forward import reached
from exporter.config.nodes import At, Refused, Scalar, compose
from exporter.config.objectives import Objective
from exporter.config.profiles import AppPlan, Profiles, built_in, plan
from exporter.config.settings import (
    ADDRESS_WORDS,
    NAME,
    App,
    PlacedSource,
    Settings,
    builder,
    is_loopback,
    listen_address,
)
from exporter.config.texts import read_text
from exporter.config.web import ANYBODY, Web, load_web
from exporter.errors import Complaint, ConfigError
from exporter.forward.push import Push
from exporter.model import Family
from exporter.redact import Redaction, redactor
from exporter.sources.docker import Docker
from exporter.sources.otlp import Otlp
from exporter.sources.stdin import Stdin
from exporter.vocabulary import FAMILIES

__all__ = [
    "WEB_VARIABLE",
    "AppPlan",
    "Discovery",
    "Objective",
    "Plan",
    "Web",
    "built_in",
    "is_loopback",
    "load",
    "load_profile",
    "load_web",
    "parse",
    "seconds",
]

LISTEN_VARIABLE = "SIDEWATCH_LISTEN"
WEB_VARIABLE = "SIDEWATCH_WEB_CONFIG_FILE"
EXPOSED = (
    "everybody who reaches it may read all metrics; ask for a password or a client certificate"
    " (web: {config_file: web.config.yml}, docs/security.md), or listen at 127.0.0.1"
)
PUSHED = (
    "everybody who reaches the address could push logs; ask for a password or a client certificate"
    " (web: {config_file: web.config.yml}, docs/security.md), or listen at 127.0.0.1"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a configuration asks for.

    `read` are the files that say it, the configuration first. `notes` are no mistakes, but worth
    knowing.
    """

    file: str
    read: tuple[Path, ...]
    listen: str
    web: Web
    state: Path
    labels: Mapping[str, str]
    log_level: str
    created: bool
    redaction: Redaction
    apps: tuple[AppPlan, ...]
    discovery: Discovery | None
    push: Push | None
    notes: tuple[Complaint, ...] = field(compare=False)


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Plan:
    """Read a configuration file. Raises ConfigError."""
    try:
        text = read_text(path)
    except ValueError as error:
        raise ConfigError([Complaint(str(path), 0, "", str(error))]) from None
    return parse(text, path, environ)


def parse(text: str, path: Path, environ: Mapping[str, str]) -> Plan:
    """Read a configuration that stands, or would stand, at `path`. Raises ConfigError.

    Relative paths are taken from the file's folder. `${NAME}` in a value is a variable of
    `environ`; `SIDEWATCH_LISTEN` overrides `listen`, and `SIDEWATCH_WEB_CONFIG_FILE` that of `web`.
    """
    at, profiles = At(str(path)), Profiles(path.parent)
    try:
        node = compose(text, at, environ)
        build = builder(profiles.find, path.parent)
        settings = build.build(Settings, node, at)
        whole = Raw(node, at)
        known = reached(whole.part("forward"), settings.forward, settings.redact, environ)
        plans = tuple(plan(app, settings.labels, path.parent, known) for app in settings.apps)
        _check(settings, plans, whole)
        part = whole.part("discover")
        found = discovery(settings.discover, settings.labels, part, build, path.parent, known)
        _check_push(settings.push, whole, environ)
    except Refused:
        raise ConfigError(_in_order(at.complaints, at)) from None
    listen = _override(settings.listen, environ, at)
    web = _web(settings.web.config_file, path.parent, environ, whole.part("web"))
    if not web.access.guarded and not is_loopback(listen):
        at.child("listen").note(whole.line_of("listen"), f"{listen}: {EXPOSED}")
        _check_pushed(settings.apps, at)
    if at.complaints:
        raise ConfigError(_in_order(at.complaints, at))
    return Plan(
        file=str(path),
        read=(path, *profiles.read),
        listen=listen,
        web=web,
        state=path.parent.absolute() / settings.state,
        labels=settings.labels,
        log_level=settings.log_level,
        created=settings.created,
        redaction=settings.redact,
        apps=plans,
        discovery=found,
        push=settings.push and settings.push.inside(path.parent.absolute()),
        notes=tuple(_in_order(at.notes, at)),
    )


def load_profile(name: str, app: str | None = None, base: Path = Path()) -> AppPlan:
    """The plan of a profile alone: a name, or a path from the folder `base`. Raises ConfigError."""
    at, find = At("--profile"), Profiles(base).find
    try:
        profile = find(builder(find, base), Scalar(name, 0, name, quoted=True), at)
        found = plan(App(Raw(Scalar("", 0, ""), at), app or profile.profile, profile), {}, base)
    except Refused:
        raise ConfigError(_in_order(at.complaints, at)) from None
    if at.complaints:
        raise ConfigError(_in_order(at.complaints, at))
    return found


def _override(listen: str, environ: Mapping[str, str], at: At) -> str:
    text = environ.get(LISTEN_VARIABLE)
    if not text:
        return listen
    try:
        return listen_address(text)
    except ValueError:
        wrong = f"{text!r} is not {ADDRESS_WORDS}"
        at.complaints.append(Complaint(LISTEN_VARIABLE, 0, "", wrong))
        return listen


def _web(file: Path | None, folder: Path, environ: Mapping[str, str], part: Raw) -> Web:
    """What the endpoint's own file says; a variable's path is taken from where we were started."""
    named = environ.get(WEB_VARIABLE)
    if not named and file is None:
        return ANYBODY
    path = Path(named or folder / (file or ""))
    try:
        return load_web(path.absolute())
    except ConfigError as error:
        for one in error.complaints:
            if one.line or named:
                part.at.complaints.append(one)
            else:  # it is not there, or no text: who names it is wrong
                at, line = part.at.child("config_file"), part.line_of("config_file")
                at.say(line, f"the file {path} {one.text}")
        return ANYBODY


def _in_order(complaints: Sequence[Complaint], at: At) -> list[Complaint]:
    """Each once: those of the file itself, then file by file as they came; by line in a file.

    They quote what stands there, so they are redacted, before it is known what to redact.
    """
    if not complaints:
        return []
    hiding = redactor(Redaction())
    once = [
        replace(one, text=hiding.about(one.key, at.spelled(one.text)))
        for one in dict.fromkeys(complaints)
    ]
    files = list(dict.fromkeys([at.file, *(one.file for one in once)]))
    return sorted(once, key=lambda one: (files.index(one.file), one.line))


def _check(settings: Settings, plans: tuple[AppPlan, ...], whole: Raw) -> None:
    """What no value tells by itself: names given twice, labels that are taken."""
    if not settings.apps and settings.discover is None and not whole.at.complaints:
        whole.at.child("apps").say(whole.node.line, "watches nothing; name an application")
    _check_names(settings.apps)
    _check_sources(settings.apps, whole.at)
    _check_own_metrics(settings.apps, plans)
    _check_labels(settings.labels, whole, (FAMILIES, *(one.families for one in plans)))
    for app, one in zip(settings.apps, plans, strict=True):
        _check_labels(app.labels, app.raw, (one.families,))
        if not any((app.logs, app.postgres, app.probes, app.brokers, app.containers)):
            app.raw.at.note(app.raw.node.line, "no logs are named, so there is nothing to read")


def _check_push(push: Push | None, whole: Raw, environ: Mapping[str, str]) -> None:
    """Complain of an endpoint, a header or a variable that nothing could be pushed by."""
    if push is None:
        return
    try:
        wrong = push.fault(environ)
    except ValueError as error:
        wrong = str(error)
    if wrong is not None:
        whole.at.child("push").say(whole.line_of("push"), wrong)


def _check_names(apps: tuple[App, ...]) -> None:
    lines: dict[str, int] = {}
    for app in apps:
        if not app.name:
            continue  # which was said
        line = app.raw.line_of("name")
        if app.name in lines:
            text = f"an application {app.name!r} stands on line {lines[app.name]} already"
            app.raw.at.child("name").say(line, text)
        lines.setdefault(app.name, line)


def _check_sources(apps: tuple[App, ...], at: At) -> None:
    """Complain where an application would read one thing twice, or two would share one input."""
    inputs: list[PlacedSource] = []
    for app in apps:
        keys: dict[str, str] = {}
        for one in app.logs:
            first = keys.setdefault(one.source.name, one.key)
            if first != one.key:
                at.to(one.key).say(one.line, f"is the same source as {first}")
        once = [one for one in app.logs if keys[one.source.name] == one.key]
        _check_containers(once, at)
        inputs += (one for one in once if isinstance(one.source, Stdin))
    senders: dict[str, str] = {}
    for app in apps:
        for one in app.logs:
            for sender in one.source.otlp if isinstance(one.source, Otlp) else ():
                if (first := senders.setdefault(sender, one.key)) != one.key:
                    text = f"what {sender} sends is received by {first} already"
                    at.to(one.key).say(one.line, text)
    for one in inputs[1:]:
        text = f"{inputs[0].key} reads standard input already"
        at.to(one.key).say(one.line, text)


def _check_pushed(apps: tuple[App, ...], at: At) -> None:
    """Complain where everybody on the network could push logs."""
    for app in apps:
        for one in app.logs:
            if isinstance(one.source, Otlp):
                at.to(one.key).say(one.line, PUSHED)


def _check_containers(logs: list[PlacedSource], at: At) -> None:
    """Complain where two sources would read the log of one container."""
    seen: dict[str, Docker] = {}
    for one in logs:
        if not isinstance(one.source, Docker):
            continue
        for key, other in seen.items():
            if one.source.docker.shares(other.docker):
                text = f"selects containers that {key} selects; their lines would count twice"
                at.to(one.key).say(one.line, text)
        seen[one.key] = one.source


def _check_labels(
    labels: Mapping[str, str], raw: Raw, vocabularies: Iterable[Mapping[str, Family]]
) -> None:
    """A constant label stands beside those of every metric, so it must not be one of them."""
    taken = RESERVED_LABELS.union(
        *(family.labels for families in vocabularies for family in families.values())
    )
    for name in labels:
        at, line = raw.at.child("labels").child(name), raw.line_of("labels")
        if not NAME.fullmatch(name) or name.startswith("__"):
            at.say(line, "a label's name has letters, digits and '_', no digit first")
        elif name in taken:
            at.say(line, f"the label {name} has a meaning already; choose another name")


def _check_own_metrics(apps: tuple[App, ...], plans: tuple[AppPlan, ...]) -> None:
    """A name is one metric: applications may share it, but not mean different things by it."""
    first: dict[str, tuple[Family, str]] = {}
    for app, one in zip(apps, plans, strict=True):
        for name in one.families.keys() - FAMILIES.keys():
            family = one.families[name]
            if isinstance(family, UnreadFamily):
                continue
            seen, owner = first.setdefault(name, (family, app.name or app.raw.at.key))
            if (seen.kind, seen.labels, seen.help) != (family.kind, family.labels, family.help):
                text = f"{name} has another type, help or labels at the application {owner}"
                app.raw.at.child("metrics").say(app.raw.line_of("metrics"), text)
