"""`probes:` of an application: what its profile asks, where it answers, and what else is asked.

A probe of the profile is asked where the application has what it needs: its base, its address, its
secret. What the application says of it goes before what the profile says, key by key.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from exporter.config.build import SCALARS, Builder, Raw, entries, fields_of
from exporter.config.families import unfit
from exporter.config.globs import inside
from exporter.config.nodes import At, Entries, Node, Refused
from exporter.model import Duration, Family
from exporter.sources.probes import (
    PATH_WORDS,
    Base,
    Certificates,
    Check,
    Expectation,
    Http,
    HttpCheck,
    JsonPath,
    Number,
    Probes,
    RowLabel,
    Statuses,
    Tcp,
    TcpCheck,
    Text,
    ample,
    check_times,
    fewest,
    json_path,
    probe_name,
    statuses,
)

T = TypeVar("T")
Asked = TypeVar("Asked", Http, Tcp)
GIVEN = "probe"  # the label that a row need not have
EXPECTATIONS = tuple[Expectation, ...]


class ProfilePart(Struct, frozen=True):
    """What a profile says of probes."""

    http: Mapping[str, Raw] = field(default_factory=dict)
    tcp: Mapping[str, Raw] = field(default_factory=dict)


class AppPart(Struct, frozen=True):
    """What an application says of its probes. `timeout` is the deadline of a whole exchange."""

    base: Base | None = None
    bases: Mapping[str, Base] = field(default_factory=dict)
    interval: Duration = 15.0
    timeout: Duration = 5.0
    concurrency: int | None = None
    http: Mapping[str, Raw] = field(default_factory=dict)
    tcp: Mapping[str, Raw] = field(default_factory=dict)
    certificates: Certificates | None = None

    def __post_init__(self) -> None:
        check_times(self.interval, self.timeout)
        if self.concurrency is not None and not 2 <= self.concurrency <= 1000:
            raise ValueError("concurrency: 2 to 1000")

    def all_bases(self) -> dict[str, Base]:
        """The bases by name; the application's own has none."""
        return {**self.bases, **({} if self.base is None else {"": self.base})}


class Probing(Struct, frozen=True):
    """What is asked by probes, and which certificates are looked at."""

    probes: Probes | None = None
    certificates: Certificates | None = None

    @property
    def checks(self) -> tuple[Check, ...]:
        """All that is asked."""
        return self.probes.checks if self.probes else ()


def probing(
    under: Raw | None, over: Raw | None, families: Mapping[str, Family], folder: Path
) -> Probing:
    """What is asked; `under` is the profile's part. Mistakes go to the complaints of the place.

    Relative paths are taken from the folder.
    """
    profile = _part(ProfilePart, under) or ProfilePart()
    theirs = _Kinds.of(profile.http, profile.tcp)
    app = _part(AppPart, over)
    if over is None or app is None:
        return Probing()
    app = from_folder(folder, app)
    mine = _Kinds.of(app.http, app.tcp)
    checks: list[Check] = [
        *_http_checks(theirs.http, mine.http, app, folder),
        *_tcp_checks(theirs.tcp, mine.tcp, app, folder),
    ]
    here = over.at
    for wrong in (*_doubles(checks), *_misfits(checks, families), *_crowds(checks, app)):
        here.say(over.node.line, wrong)
    used = [check.base for check in checks if isinstance(check, HttpCheck)]
    for name, base in app.all_bases().items():
        if base not in used:
            here.child("bases" if name else "base").note(over.node.line, "no probe asks there")
    places = app.concurrency or ample(checks)
    probes = Probes(tuple(_dated(checks)), app.interval, places) if checks else None
    return Probing(probes, _certificates_from(folder, app.certificates))


# -- reading ------------------------------------------------------------------------------------


def builder() -> Builder:
    """Builds all of the above."""
    return Builder(
        hooks={
            Statuses: _statuses,
            EXPECTATIONS: _expectations,
            Certificates: _certificates,
        },
        scalars={**SCALARS, JsonPath: (json_path, PATH_WORDS)},
        short={Base: "url", Number: "path", RowLabel: "path", Text: "equals"},
    )


def _part(cls: type[T], part: Raw | None) -> T | None:
    if part is None:
        return None
    try:
        return builder().build(cls, part.node, part.at)
    except Refused:
        return None


def _statuses(build: Builder, node: Node, at: At) -> Statuses:
    texts = build.convert(tuple[str, ...], node, at)
    try:
        return statuses(texts)
    except ValueError as error:
        raise at.refuse(node.line, str(error)) from None


def _expectations(build: Builder, node: Node, at: At) -> tuple[Expectation, ...]:
    """`{status: ok, github: {is_not: degraded}}`."""
    found = []
    for pair, here in Raw(node, at).pairs():
        try:
            path = json_path(pair.key)
        except ValueError:
            here.say(pair.line, f"is not {PATH_WORDS}")
            continue
        try:
            if isinstance(pair.node, Entries):
                found.append(build.build(Expectation, pair.node, here, path=path))
            else:
                texts = build.convert(tuple[str, ...], pair.node, here)
                found.append(Expectation(path, is_=texts))
        except Refused:
            continue
        except ValueError as error:
            here.say(pair.line, str(error))
    return tuple(found)


def _certificates(build: Builder, node: Node, at: At) -> Certificates:
    """A glob, a list of them, or a mapping."""
    if isinstance(node, Entries):
        return build.build(Certificates, node, at)
    try:
        return Certificates(build.convert(tuple[str, ...], node, at))
    except ValueError as error:
        raise at.refuse(node.line, str(error)) from None


class _Given(Struct, frozen=True):
    """A probe as one file says it: its settings, which of them it says, and where."""

    settings: Any
    keys: frozenset[str]
    raw: Raw


class _Kinds(Struct, frozen=True):
    http: Mapping[str, _Given]
    tcp: Mapping[str, _Given]

    @staticmethod
    def of(http: Mapping[str, Raw], tcp: Mapping[str, Raw]) -> _Kinds:
        """Both kinds of one file; what is refused is left out."""
        return _Kinds(dict(_given(Http, http)), dict(_given(Tcp, tcp)))


def _given(cls: type[Any], parts: Mapping[str, Raw]) -> Iterator[tuple[str, _Given]]:
    for name, raw in parts.items():
        try:
            settings = builder().build(cls, raw.node, raw.at)
            probe_name(settings.probe or name)
        except Refused:
            continue
        except ValueError as error:
            raw.at.say(raw.node.line, str(error))
            continue
        keys = frozenset(pair.key for pair in entries(raw.node, raw.at).pairs)
        yield name, _Given(settings, keys & fields_of(cls), raw)


def _merged(
    under: Mapping[str, _Given], over: Mapping[str, _Given]
) -> Iterator[tuple[str, Any, Raw | None]]:
    """The probes that are in use, and where the application names them."""
    for name in dict.fromkeys((*under, *over)):
        mine = over.get(name)
        one = (under.get(name) or over[name]).settings
        if mine is not None:
            given = {key: getattr(mine.settings, key) for key in mine.keys}
            try:
                one = _changed(one, given)
            except ValueError as error:
                mine.raw.at.say(mine.raw.node.line, str(error))
                continue
        if one.use:
            yield name, one, None if mine is None else mine.raw


def _http_checks(
    under: Mapping[str, _Given], over: Mapping[str, _Given], app: AppPart, folder: Path
) -> Iterator[HttpCheck]:
    bases = app.all_bases()
    for name, http, raw in _merged(under, over):
        base = bases.get(http.base)
        missing = None
        if base is None:
            named = f"no base {http.base}" if http.base else "no base"
            missing = f"there is {named}; say where to ask: {{base: 'http://server:8000'}}"
        elif http.needs_auth and not http.auth and not base.auth:
            missing = "it is answered only with a secret; give auth"
        if base is None or missing is not None:
            if raw is not None and missing is not None:
                raw.at.say(raw.node.line, missing)
            continue
        yield HttpCheck(
            http.probe or name,
            from_folder(folder, http),
            base,
            http.interval or app.interval,
            http.timeout or app.timeout,
        )


def _tcp_checks(
    under: Mapping[str, _Given], over: Mapping[str, _Given], app: AppPart, folder: Path
) -> Iterator[TcpCheck]:
    for name, tcp, raw in _merged(under, over):
        if tcp.address or tcp.socket:
            yield TcpCheck(
                tcp.probe or name,
                from_folder(folder, tcp),
                tcp.interval or app.interval,
                tcp.timeout or app.timeout,
            )
        elif raw is not None:
            raw.at.say(raw.node.line, "says not where; give an address, like redis:6379")


# -- holding together -----------------------------------------------------------------------------


def _dated(checks: list[Check]) -> Iterator[Check]:
    """Of checks that ask the same, the first shows when the certificate ends."""
    seen = set()
    for check in checks:
        yield replace(check, dates=check.name not in seen)
        seen.add(check.name)


def _doubles(checks: list[Check]) -> Iterator[str]:
    """What two probes would both say."""
    said = Counter[str]()
    for check in checks:
        said[f"a probe {check.name} of the kind {check.kind}"] += 1
        if isinstance(check, HttpCheck):
            said.update(f"a component {one} of {check.name}" for one in check.http.components)
            said.update(f"a field {one} of {check.name}" for one in check.http.fields)
            if check.http.version is not None:
                said[f"a version of {check.name}"] += 1
    for what, times in said.items():
        if times > 1:
            yield f"there is {what} already; `probe` names whom a probe asks"


def _misfits(checks: list[Check], families: Mapping[str, Family]) -> Iterator[str]:
    for check in checks:
        for rows in check.http.rows if isinstance(check, HttpCheck) else ():
            for metric in rows.metrics():
                if wrong := unfit(metric, rows.labels, families, ("gauge",), GIVEN, "a probe"):
                    yield f"{check.name}: rows: {wrong}"


def _crowds(checks: list[Check], app: AppPart) -> Iterator[str]:
    """What could not be told any more when all hang."""
    least = fewest(checks)
    if app.concurrency is not None and app.concurrency < least:
        yield (
            f"concurrency: {app.concurrency} is too few for these probes: if all of them hang, none"
            f" is known for long; {least} at the least, or none given"
        )


def _changed(value: Any, fields: Mapping[str, Any]) -> Any:
    """The same settings with other fields; those that hide a secret are dataclasses."""
    change = replace if isinstance(value, Struct) else dataclasses.replace
    return change(value, **fields)


def from_folder(folder: Path, value: T) -> T:
    """The same settings with their relative paths taken from the folder."""
    change: Any = partial(from_folder, folder)
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, Mapping) and any(isinstance(one, Path | Base) for one in value.values()):
        return {name: change(one) for name, one in value.items()}  # type: ignore[return-value]
    if isinstance(value, Struct):
        names = value.__struct_fields__
    elif is_dataclass(value) and not isinstance(value, type):
        names = tuple(one.name for one in fields(value))
    else:
        return value
    changed: T = _changed(value, {name: change(getattr(value, name)) for name in names})
    return changed


def _certificates_from(folder: Path, certificates: Certificates | None) -> Certificates | None:
    if certificates is None:
        return None
    return replace(certificates, files=inside(folder, certificates.files))
