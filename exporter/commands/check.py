"""sidewatch check: all that is wrong with a configuration, or a summary of what it asks for."""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from exporter.app.discovery import WHY, sort_out
from exporter.app.doubles import doubled, json_logs
from exporter.app.outlets import ask_empty
from exporter.clock import WallClock
from exporter.commands.types import Subparsers, add_config, add_web, environment
from exporter.config import AppPlan, Plan, load
from exporter.engine import choice
from exporter.errors import Complaint, ConfigError, SourceError
from exporter.export.routing import nag
from exporter.redact import Redactor, redactor
from exporter.sources.containers import doctor
from exporter.sources.docker import Docker, labels_of_all
from exporter.sources.docker.settings import PROFILE
from exporter.sources.files import Files
from exporter.sources.files.discover import Finder, Found
from exporter.sources.postgres.doctor import examine
from exporter.sources.probes.examine import ask_once
from exporter.sources.probes.resolver import Resolver, system_lookup
from exporter.sources.report import Report

Say = Callable[[str], None]
T = TypeVar("T")
EXACT = (
    "what the daemon rotates away unread is lost without a trace; Docker's json-file logs,"
    " mounted read-only and read as files, count exactly"
)


def add_parser(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "check",
        help="say all that is wrong with a configuration",
        description="Reads the configuration and its profiles, and says all that is wrong at once."
        " With --connect it also looks at each database and container daemon, and asks each probe,"
        " broker and destination of logs once.",
    )
    add_config(parser)
    add_web(parser)
    parser.add_argument(
        "--connect",
        action="store_true",
        help="ask each database, daemon, probe, broker and receiver of logs once; say what would"
        " not work, and what helps",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print complaints and exit 1, or a summary and exit 0; 1 where something has a fault."""
    try:
        plan = load(arguments.config, environment(arguments))
    except ConfigError as error:
        return _refuse(error.complaints)
    say = _saying(redactor(plan.redaction))
    notes, twice = _surroundings(plan)
    if wrong := [*_state_faults(plan), *twice, *doubled(plan)]:
        return _refuse(wrong)
    say(f"configuration ok: {plan.file}")
    say(f"  listens at {plan.listen}{_locks(plan)}, keeps its state in {plan.state}")
    say(f"  counts lines with {choice.described()}")
    for app in plan.apps:
        say(f"  {_summary(app)}")
    if plan.discovery is not None:
        settings = plan.discovery.settings
        say(f"  and what containers' labels name at {settings.url}, {settings.most} at the most")
    for note in (*plan.notes, *notes):
        say(f"note: {note}")
    if (missing := nag(os.environ)) is not None:
        say(f"note: {missing}")
    if not arguments.connect:
        return 0
    asked = (_connect, _daemons, _discover, _probe, _forward)
    return max([ask(plan, say) for ask in asked])


def _locks(plan: Plan) -> str:
    """What is asked of the endpoint's clients."""
    access = plan.web.access
    asked = ["TLS"] if access.context is not None else []
    if access.context is not None and access.context.verify_mode is ssl.CERT_REQUIRED:
        asked.append("client certificates")
    if access.users:
        asked.append(f"passwords of {_number(len(access.users), 'user')}")
    return f" with {', '.join(asked)}" if asked else ""


def _connect(plan: Plan, say: Say) -> int:
    """Say how each database fares; 1 where something cannot work that was asked for."""
    asked = [(app.name, app.postgres) for app in plan.apps if app.postgres is not None]
    if not asked and not plan.discovery and not any(map(_connects, plan.apps)):
        say("note: no application names anything to connect to")
    clock = WallClock()
    reports = asyncio.run(_all([examine(settings, clock) for _, settings in asked]))
    return _told([f"{app}: database {settings.database}" for app, settings in asked], reports, say)


def _connects(app: AppPlan) -> bool:
    through = any(isinstance(one.source, Docker) for one in app.logs)
    asked = app.probing.probes or app.brokers or app.containers or app.forward
    return bool(asked or through)


async def _all(looks: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All at once, so that one that does not answer delays no other."""
    return await asyncio.gather(*looks)


def _told(titles: Sequence[str], reports: Sequence[Report], say: Say) -> int:
    """Print them; 1 where one has a fault."""
    for title, report in zip(titles, reports, strict=True):
        say(f"{title}: {report.summary}")
        for remark in report.remarks:
            say(f"  {'fault: ' if remark.fault else ''}{remark.text}")
    return 0 if all(report.works for report in reports) else 1


def _daemons(plan: Plan, say: Say) -> int:
    """Say how each daemon of containers fares; 1 where something cannot work that was asked for."""
    watched = [(f"{app.name}: containers", app.containers) for app in plan.apps]
    read = [
        (f"{app.name}: logs through {one.source.name}", one.source.docker)
        for app in plan.apps
        for one in app.logs
        if isinstance(one.source, Docker)
    ]
    read += [("discover: logs", plan.discovery.selection)] if plan.discovery else []
    known = [(place, one) for place, one in watched if one is not None]
    asked = [*doctor.wanted(known, read, json_logs(plan))]
    reports = asyncio.run(_all([doctor.examine(one) for one in asked]))
    return _told([f"daemon at {one.url}" for one in asked], reports, say)


def _discover(plan: Plan, say: Say) -> int:
    """Say which applications labels name now; 1 where they cannot be asked for."""
    if plan.discovery is None:
        return 0
    try:
        labelled = asyncio.run(labels_of_all(plan.discovery.selection))
    except SourceError as error:
        say(f"discover: fault: {error.reason}: {error}")
        return 1
    found = sort_out(labelled, {}, plan, plan.discovery.settings.most)
    for app, profile in found.apps.items():
        say(f"discover: {app}, with the profile {profile}")
    for app, reason in found.refused.items():
        say(f"discover: {app}: not watched: {WHY[reason]}")
    if not labelled:
        say(f"discover: no container has the label {PROFILE} now")
    return 0


def _probe(plan: Plan, say: Say) -> int:
    """Say what each probe finds; 1 where one fails."""
    asked = [
        (app.name, check)
        for app in plan.apps
        for check in (*app.probing.checks, *(app.brokers.checks if app.brokers else ()))
    ]
    resolver = Resolver(system_lookup)
    results = asyncio.run(ask_once([check for _, check in asked], WallClock(), resolver))
    for (app, check), result in zip(asked, results, strict=True):
        took = f"ok in {1000 * sum(result.phases.took.values()):.0f} ms"
        failure = result.failure
        found = took if failure is None else f"fault: {failure.reason}: {failure}"
        say(f"{app}: probe {check.name} ({check.kind}) at {check.target}: {found}")
    return 0 if all(result.failure is None for result in results) else 1


def _forward(plan: Plan, say: Say) -> int:
    """Say what each destination answers to an empty request; 1 where one does not take it."""
    drafts = plan.discovery.drafts.values() if plan.discovery else ()
    apps = (*plan.apps, *drafts)
    ways = {way.destination.name: (app, way) for app in apps for way in app.forward}
    outcomes = asyncio.run(_all([ask_empty(app, way) for app, way in ways.values()]))
    for (name, (_, way)), outcome in zip(ways.items(), outcomes, strict=True):
        taken = outcome.verdict in ("accepted", "partial")
        found = "ok" if taken else f"fault: {outcome.reason}: {outcome.text}"
        say(f"forward {name}, {way.target.protocol} at {way.target.place}: {found}")
    return 0 if all(one.verdict in ("accepted", "partial") for one in outcomes) else 1


def _refuse(complaints: list[Complaint]) -> int:
    for complaint in complaints:
        print(complaint)
    print(f"{_number(len(complaints), 'mistake')} in the configuration")
    return 1


def _saying(hiding: Redactor) -> Say:
    """How to print what may quote a URL, or what a server has answered."""
    return lambda text: print(hiding.text(text))


def _summary(app: AppPlan) -> str:
    counts = (
        _number(len(app.logs), "source"),
        _number(len(app.rules.rules), "log rule"),
        _number(len(app.objectives), "objective"),
    )
    asked = app.postgres
    database = "" if asked is None else f", database {asked.database}: {len(asked.queries)} queries"
    probes = app.probing.probes
    probed = "" if probes is None else f", {_number(len(probes.checks), 'probe')}"
    known = "" if app.brokers is None else f", {_number(len(app.brokers.checks), 'broker')}"
    return f"{app.name}: profile {app.profile}, {', '.join(counts)}{database}{probed}{known}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _state_faults(plan: Plan) -> Iterator[Complaint]:
    """Why the state could not be kept where it should: the folder, or the one it is made in."""
    folder = plan.state
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        yield Complaint(plan.file, 0, "state", f"{folder} is no folder")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield Complaint(plan.file, 0, "state", f"this user may not write in the folder {folder}")


def _surroundings(plan: Plan) -> tuple[list[Complaint], list[Complaint]]:
    """What the globs find now: what is worth a note, and what one application would read twice."""
    readers: dict[str, tuple[str, str]] = {}
    notes, twice = list[Complaint](), list[Complaint]()
    for app in plan.apps:
        for one in app.logs:
            if isinstance(one.source, Docker):
                notes.append(Complaint(plan.file, one.line, one.key, EXACT))
            if not isinstance(one.source, Files):
                continue
            found = Finder(one.source.files, one.source.exclude).find()
            texts = list(_findings(one.source, found))
            for path, reader, key in _shared(found, app.name, one.key, readers):
                if reader == app.name:
                    text = f"{path} is read by {key} already; its lines would count twice"
                    twice.append(Complaint(plan.file, one.line, one.key, text))
                else:
                    texts.append(f"{path} is read for {reader} too; its lines count for both")
            notes += [Complaint(plan.file, one.line, one.key, text) for text in texts]
    return notes, twice


def _findings(source: Files, found: Found) -> Iterator[str]:
    if not found.files:
        yield f"no file fits {' or '.join(source.files)} now"
    for path, reason in found.refused.items():
        yield f"{path} cannot be looked at: {reason}"
    for seen in found.files.values():
        if not os.access(seen.path, os.R_OK):
            yield f"this user may not read {seen.path}"


def _shared(
    found: Found, app: str, key: str, readers: dict[str, tuple[str, str]]
) -> list[tuple[str, str, str]]:
    """The files that are read elsewhere too: path, application and key of the first reader."""
    firsts = [
        (seen.path, *readers.setdefault(os.path.realpath(seen.path), (app, key)))
        for seen in found.files.values()
    ]
    return sorted(one for one in firsts if one[1:] != (app, key))
