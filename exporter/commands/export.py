"""sidewatch export: write what others load, from rule files to dashboards."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from exporter.commands.types import Subparsers
from exporter.errors import ExportError
from exporter.export import operator
from exporter.export.compose import stack
from exporter.export.dashboards import dashboards, importable
from exporter.export.grafana import provisioned, recorded
from exporter.export.routing import Routing, routing
from exporter.export.rules import Wanted, chosen, one_file, tiers
from exporter.export.shipped import Subject, subjects
from exporter.export.variables import VARIABLES, spelled, variables

DATASOURCE = "prometheus"
GRAFANA_FOLDER = "sidewatch"


def add_parser(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "export",
        help="write rules, Alertmanager's configuration and dashboards for others to load",
        description="Writes into a folder, or on standard output where none is named.",
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    _add_rules(kinds)
    _add_alertmanager(kinds)
    _add_dashboards(kinds)
    _add_compose(kinds)
    _add_operator(kinds)


def _add_rules(kinds: Subparsers) -> None:
    parser = kinds.add_parser(
        "rules",
        help="the alert rules, for Prometheus or Grafana",
        description="The rule files as they are shipped, or what is wanted of them. Recorded"
        " series that an alert reads always come along.",
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR")
    _add_wanted(parser)
    parser.add_argument(
        "--grafana",
        action="store_true",
        help="as files that Grafana provisions its own alerts from; what Prometheus must still"
        " record goes to DIR/recording",
    )
    parser.add_argument(
        "--datasource",
        metavar="UID",
        help=f"with --grafana: Prometheus's uid there (default: {DATASOURCE})",
    )
    parser.add_argument(
        "--grafana-folder",
        metavar="NAME",
        help=f"with --grafana: the folder of the alerts (default: {GRAFANA_FOLDER})",
    )
    parser.set_defaults(run=_rules, parser=parser)


def _add_wanted(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tier", choices=sorted(tiers()), default="", help="the few alerts of the first day"
    )
    for name, what in (("subject", "only"), ("without", "not")):
        parser.add_argument(
            f"--{name}",
            action="extend",
            type=_names,
            default=[],
            metavar="S,S",
            help=f"{what} the rules about these; may be given again",
        )
    _add_keep_labels(parser)


def _add_alertmanager(kinds: Subparsers) -> None:
    names = "\n".join(f"  {spelled(name):31} {what}" for name, what in VARIABLES.items())
    parser = kinds.add_parser(
        "alertmanager",
        help="Alertmanager's configuration, with your receivers in it",
        description="Writes alertmanager.yml and the messages' templates, sidewatch.tmpl. Who is"
        " told stands in variables of the environment; none is required. Secrets are paths of"
        " files, as Alertmanager sees them.",
        epilog=f"variables:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR")
    _add_set(parser)
    _add_keep_labels(parser)
    parser.set_defaults(run=_alertmanager)


def _add_operator(kinds: Subparsers) -> None:
    parser = kinds.add_parser(
        "operator",
        help="rules, scrape and routing as resources of the Prometheus Operator",
        description="Writes PrometheusRules, what scrapes sidewatch, an AlertmanagerConfig with"
        " the receivers that `export alertmanager` would write, and a ConfigMap of its templates.",
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR")
    _add_wanted(parser)
    _add_set(parser)
    parser.add_argument(
        "--namespace", default="", metavar="NAME", help="of all resources (default: kubectl's)"
    )
    parser.add_argument(
        "--label",
        dest="labels",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="on all resources, for the operator's selectors; may be given again",
    )
    parser.add_argument(
        "--monitor",
        default="service",
        metavar="HOW",
        help="what scrapes: service (ServiceMonitor), pod (PodMonitor), or HOST:PORT of a sidewatch"
        " outside of the cluster (ScrapeConfig); default: %(default)s",
    )
    parser.set_defaults(run=_operator)


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        dest="options",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable, without SIDEWATCH_ and in small letters; goes before the environment",
    )


def _add_dashboards(kinds: Subparsers) -> None:
    parser = kinds.add_parser(
        "dashboards",
        help="the dashboards, for Grafana",
        description="Writes a JSON file for each dashboard, for a folder that Grafana provisions"
        " dashboards from.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument(
        "--import",
        dest="by_hand",
        action="store_true",
        help="for Grafana's import by hand, which asks for the data source",
    )
    parser.set_defaults(run=_dashboards)


def _add_compose(kinds: Subparsers) -> None:
    parser = kinds.add_parser(
        "compose",
        help="compose.monitoring.yaml and all that it mounts",
        description="Writes what starts sidewatch with Prometheus, Alertmanager and Grafana beside"
        " an application (docs/stack.md), for a host without a checkout.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument(
        "--image", required=True, metavar="NAME:TAG@DIGEST", help="sidewatch's own image"
    )
    parser.set_defaults(run=_compose)


def _add_keep_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep-labels",
        type=_names,
        default=[],
        metavar="L,L",
        help="labels of your own that every series carries (env, cluster): alerts keep them",
    )


def _names(text: str) -> list[str]:
    return [name for name in map(str.strip, text.split(",")) if name]


def _rules(arguments: argparse.Namespace) -> int:
    """Write the rules; 0. Raises ExportError."""
    source, place = arguments.datasource, arguments.grafana_folder
    for option, value in (("--datasource", source), ("--grafana-folder", place)):
        if value is not None and not arguments.grafana:
            arguments.parser.error(f"{option} is of Grafana's files, so it needs --grafana")
    found = chosen(subjects(), _wanted(arguments))
    if arguments.grafana:
        if arguments.folder is None:
            arguments.parser.error("--grafana writes several files, so it needs a DIR")
        made = {
            f"{one.name}.yaml": provisioned(one, source or DATASOURCE, place or GRAFANA_FOLDER)
            for one in found
        }
        left = {f"recording/{one.name}.yaml": _recording(one) for one in found}
        _write(arguments.folder, made | left)
        _note_others(arguments.folder, made)
    elif arguments.folder is None:
        sys.stdout.write(one_file(found))
    else:
        made = {f"{one.name}.yaml": one.text for one in found}
        _write(arguments.folder, made)
        _note_others(arguments.folder, made)
    return 0


def _recording(subject: Subject) -> str:
    pieces = [piece.text.strip("\n") for piece in recorded(subject)]
    if not pieces:
        return ""
    joined = "\n\n".join(pieces)
    return f"groups:\n  - name: {subject.name}-recording\n    rules:\n{joined}\n"


def _alertmanager(arguments: argparse.Namespace) -> int:
    """Write the configuration and its templates; 0. Raises ExportError."""
    made = routing(variables(os.environ, arguments.options), arguments.keep_labels)
    if arguments.folder is None:
        sys.stdout.write(made.configuration)
    else:
        _write(
            arguments.folder,
            {"alertmanager.yml": made.configuration, "sidewatch.tmpl": made.template},
        )
    _tell(made)
    return 0


def _operator(arguments: argparse.Namespace) -> int:
    """Write the resources; 0. Raises ExportError."""
    place = operator.Place(arguments.namespace, dict(map(_pair, arguments.labels)))
    found = chosen(subjects(), _wanted(arguments))
    made = routing(variables(os.environ, arguments.options), arguments.keep_labels)
    files = {
        "rules.yaml": operator.written(operator.rules(found, place)),
        "monitor.yaml": operator.written([operator.monitor(arguments.monitor, place)]),
        "alertmanager.yaml": operator.written(operator.alertmanager(made, place)),
    }
    if arguments.folder is None:
        sys.stdout.write("---\n".join(files.values()))
    else:
        _write(arguments.folder, files)
    _tell(made)
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ExportError(f"{text} is no label like release=prometheus")
    return name, value


def _wanted(arguments: argparse.Namespace) -> Wanted:
    return Wanted(arguments.tier, arguments.subject, arguments.without, arguments.keep_labels)


def _tell(made: Routing) -> None:
    for note in made.notes:
        print(f"note: {note}", file=sys.stderr)


def _dashboards(arguments: argparse.Namespace) -> int:
    """Write the dashboards; 0."""
    form = importable if arguments.by_hand else str
    _write(arguments.folder, {name: form(text) for name, text in dashboards()})
    return 0


def _compose(arguments: argparse.Namespace) -> int:
    """Write the stack; 0. Raises ExportError."""
    made = dict(stack(arguments.image))
    _write(arguments.folder, made)
    _open(arguments.folder, made)
    return 0


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files that have something in them, and name them."""
    for name, text in files.items():
        if text:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(path)


def _open(folder: Path, files: Iterable[str]) -> None:
    """Let everybody read them, whatever the umask: containers mount them, of users of their own."""
    for name in files:
        (folder / name).chmod(0o644)
        for parent in Path(name).parents[:-1]:
            (folder / parent).chmod(0o755)


def _note_others(folder: Path, written: Mapping[str, str]) -> None:
    """Say which rule files an earlier export may have left there: they would be loaded, too."""
    others = sorted(path.name for path in folder.glob("*.yaml") if not written.get(path.name))
    if others:
        names = ", ".join(others)
        print(
            f"note: {folder} holds other rule files, which are loaded too: {names}", file=sys.stderr
        )
