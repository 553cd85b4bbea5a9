"""`sidewatch lint`: what is wrong with rule files, ours or anybody's."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from exporter.commands.types import Subparsers
from exporter.errors import ExportError
from exporter.export.inhibition import (
    Alert,
    faults,
    labels_read,
    names_read,
    routing,
    unknown,
)
from exporter.lint import ALL, NAMES, Finding, Listed, Settings, labels_of, lint, listed, read
from exporter.lint.checking import Severity
from exporter.lint.files import RuleFile, seconds

ENDINGS = frozenset({".yaml", ".yml", ".rules"})
CANNOT = 2
DEFAULTS = Settings()


def add_parser(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "lint",
        help="say what is wrong with Prometheus rule files, of sidewatch or of anybody",
        description="Reads rule files and says what can never fire, always fires, breaks with two"
        " instances, or prints nothing. Ends with 1 if there is an error (with --strict: or a"
        " warning), with 2 if it could not look.",
    )
    parser.add_argument("rules", nargs="*", type=Path, metavar="RULES", help="files, or folders")
    parser.add_argument(
        "--metrics",
        type=Path,
        metavar="FILE",
        help="all metrics that there are: a text exposition, or a name a line",
    )
    parser.add_argument(
        "--labels", type=_names, default=(), metavar="A,B", help="labels that the scrape adds"
    )
    parser.add_argument(
        "--need-annotations",
        type=_names,
        default=DEFAULTS.annotations,
        metavar="A,B",
        help="annotations of every alert (default: summary,runbook_url)",
    )
    parser.add_argument(
        "--need-labels",
        type=_names,
        default=DEFAULTS.labels,
        metavar="A,B",
        help="labels of every alert (default: severity)",
    )
    parser.add_argument(
        "--shortest-range", type=_seconds, default=300.0, metavar="TIME", help="(default: 5m)"
    )
    parser.add_argument(
        "--interval",
        type=_seconds,
        default=60.0,
        metavar="TIME",
        help="between evaluations, where a group does not say (default: 1m)",
    )
    parser.add_argument(
        "--alertmanager",
        type=Path,
        metavar="FILE",
        help="its configuration, too: can its inhibitions do what they say of these rules?",
    )
    parser.add_argument("--disable", type=_checks, default=(), metavar="CHECK,CHECK")
    parser.add_argument(
        "--enable", type=_checks, default=(), metavar="CHECK,CHECK", help="optional checks, too"
    )
    parser.add_argument("--strict", action="store_true", help="let warnings fail, too")
    parser.add_argument("--json", action="store_true", help="findings as JSON, one object a line")
    parser.add_argument("--list", action="store_true", help="tell all checks and end")
    parser.set_defaults(run=run, cannot=CANNOT)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; 0 without, 1 with errors, 2 where something cannot be read or written."""
    if arguments.list:
        _list()
        return 0
    try:
        rules = [_read(path) for path in _paths(arguments.rules)]
        given = _given(arguments.metrics)
        routes = None if arguments.alertmanager is None else routing(arguments.alertmanager)
    except OSError as error:
        return _cannot(f"{error.filename}: {error.strerror}" if error.filename else error)
    except ExportError as error:
        return _cannot(error)
    if not rules:
        named = " and ".join(map(str, arguments.rules))
        what = f"{named} holds no rule file" if named else "no rule file is named"
        return _cannot(f"{what}; `sidewatch lint rules/` for one")
    settings = Settings(
        annotations=arguments.need_annotations,
        labels=arguments.need_labels,
        shortest_range=arguments.shortest_range,
        interval=arguments.interval,
        extra_labels=arguments.labels,
        disabled=frozenset(arguments.disable),
        enabled=frozenset(arguments.enable),
    )
    found = lint(rules, settings, given, beside=_shipped())
    if routes is not None:
        alerts = _alerts(rules, settings, given, routes)
        faulty = faults(routes, alerts, evaluated=settings.interval)
        told: dict[Severity, Iterable[str]] = {"error": faulty, "warning": unknown(routes, alerts)}
        file = str(arguments.alertmanager)
        found += [
            Finding(file, 1, 1, "-", "inhibit_rules", "inhibition", severity, text)
            for severity, texts in told.items()
            for text in texts
        ]
    _tell(found, rules, as_json=arguments.json)
    bad = {"error", "warning"} if arguments.strict else {"error"}
    return int(any(one.severity in bad for one in found))


def _alerts(
    rules: Sequence[RuleFile],
    settings: Settings,
    given: Listed | None,
    routes: Mapping[str, Any],
) -> list[Alert]:
    """The alerts as inhibitions see them; of the shipped ones, too, those that these name."""
    shipped, own = _shipped(), {rule.name for file in rules for rule in file.rules}
    asked, named = labels_read(routes), names_read(routes) - own

    def seen(files: Sequence[RuleFile]) -> Iterator[Alert]:
        for rule, labels in labels_of(files, asked, settings, given, beside=shipped):
            yield Alert(rule.name, rule.hold, labels, rule.labels, rule.keep)

    return [*seen(rules), *(one for one in seen(shipped) if one.name in named)]


def _tell(found: Sequence[Finding], rules: Sequence[RuleFile], *, as_json: bool) -> None:
    for one in found:
        print(json.dumps(asdict(one)) if as_json else one)
    if as_json:
        return
    errors = sum(one.severity == "error" for one in found)
    count = sum(len(file.rules) for file in rules)
    print(
        f"{_number(count, 'rule')} in {_number(len(rules), 'file')}:"
        f" {_number(errors, 'error')}, {_number(len(found) - errors, 'warning')}"
    )


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _list() -> None:
    for check in ALL:
        optional = ", with --enable only" if check.optional else ""
        print(f"{check.name:<20} {check.severity:<8} {check.caption}{optional}")


def _paths(given: Sequence[Path]) -> list[Path]:
    """Files as they are named, and those of folders, by name; each once, however often named."""
    found = dict[Path, Path]()
    for path in given:
        for each in sorted(filter(_holds_rules, path.rglob("*"))) if path.is_dir() else [path]:
            found.setdefault(each.resolve(), each)
    return list(found.values())


def _holds_rules(path: Path) -> bool:
    """A folder may hold other YAML, too: routes, tests of rules."""
    return (
        path.suffix in ENDINGS
        and path.is_file()
        and re.search(r"^\W*groups\W*:", _text(path), re.MULTILINE) is not None
    )


def _read(path: Path) -> RuleFile:
    return read(str(path), _text(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeError as error:
        raise ExportError(f"{path} is not UTF-8: {error}") from None


def _given(path: Path | None) -> Listed | None:
    return None if path is None else listed(_text(path))


def _shipped() -> list[RuleFile]:
    """Sidewatch's own rules: what they record may be read by others."""
    folder = files("exporter") / "rules"
    return [
        read(each.name, each.read_text(encoding="utf-8"))
        for each in folder.iterdir()
        if each.name.endswith(".yaml")
    ]


def _cannot(error: object) -> int:
    print(f"sidewatch lint: {error}", file=sys.stderr)
    return CANNOT


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _checks(text: str) -> tuple[str, ...]:
    names = _names(text)
    for name in names:
        if name not in NAMES:
            raise argparse.ArgumentTypeError(f"there is no check {name}; see --list")
    return names


def _seconds(text: str) -> float:
    found = seconds(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 5m or 30s")
    return found
